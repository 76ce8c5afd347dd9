"""What a first visit of each page loads stays under its budget: everything but pictures and answers of the API."""

from __future__ import annotations

import gzip
import json
import sys

import pytest

from tests.architecture.tree import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import build_web  # type: ignore[import-not-found]

MOST_BYTES = 300_000
WORTH_PACKING = 1000


@pytest.fixture(scope="module")
def files_of_pages() -> dict[str, list[str]]:
    """Files by the page's address, as the build wrote them down."""
    if not build_web.is_built(build_web.sources_hash()):
        pytest.skip("the browser app is not built from these sources: python tools/build_web.py")
    return json.loads((build_web.BUILT / "first-load.json").read_text(encoding="utf-8"))


def test_no_page_loads_more_than_300_kilobytes_gzipped_on_a_first_visit(files_of_pages: dict[str, list[str]]) -> None:
    sizes = {page: sum(map(gzipped, files)) for page, files in files_of_pages.items()}
    assert len(sizes) >= 9
    assert {page: size for page, size in sizes.items() if size > MOST_BYTES} == {}, (
        "open what is not on the first screen by lazily() (web/src/ui/lazily.tsx)"
    )


def test_a_page_is_few_files(files_of_pages: dict[str, list[str]]) -> None:
    """A request costs a few milliseconds, however small."""
    for page, files in files_of_pages.items():
        assert len(files) == len(set(files)) < 40, page


def gzipped(name: str) -> int:
    content = (build_web.BUILT / name).read_bytes()
    return len(gzip.compress(content, 9)) if len(content) > WORTH_PACKING else len(content)
