"""axe-core on every page, in both languages and both schemes: nothing serious, nothing critical."""

from __future__ import annotations

import pytest

from tests.browser.conftest import ROOT, OpenPage, Studio
from tests.browser.places import MISSING, list_places, settle
from tests.browser.states import STATES

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
LOOK = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(one => one.impact === 'serious' || one.impact === 'critical')
    .map(one => `${one.id}: ${one.help}: ` + one.nodes.slice(0, 3).map(n => n.html.slice(0, 200)
        + ' ' + n.any.map(a => a.message).join(' ').slice(0, 200)).join(' | '))"""


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_shuts_anybody_out(studio: Studio, open_page: OpenPage, language: str, scheme: str) -> None:
    """axe is run as a script of the tool, not of the page, so that the page's own policy stays in force."""
    if not AXE.exists():
        pytest.skip("no axe-core in web/node_modules; tools/build_web.py installs it when it builds")
    places = list_places(studio)
    page = open_page(studio, language=language, scheme=scheme, allowed=MISSING)
    findings = []
    for name, path in places.items():
        page.goto(studio.url + path)
        settle(page)
        page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
        findings += [f"{name}: {finding}" for finding in page.evaluate(LOOK)]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_dialog_shuts_anybody_out(studio: Studio, open_page: OpenPage, scheme: str) -> None:
    """As above, in the states that a page does not open in."""
    if not AXE.exists():
        pytest.skip("no axe-core in web/node_modules; tools/build_web.py installs it when it builds")
    places = list_places(studio)
    page = open_page(studio, language="ja" if scheme == "light" else "en", scheme=scheme)
    findings = []
    for name, state in STATES.items():
        state.open(page, studio.url + places[state.place])
        page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
        findings += [f"{name}: {finding}" for finding in page.evaluate(LOOK)]
    assert not findings, "\n".join(findings)
