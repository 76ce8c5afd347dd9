"""Take a picture of every page and dialog: Japanese and English, light and dark, from a phone to 4K.

``python tools/screenshots.py --out FOLDER`` makes a studio under ``--home`` (kept, so that a second call is quick),
trains the mascot with the real engine unless ``--engine fake`` is said, opens every page that the browser tests know,
and writes a WebP of each and a sheet per device on which all can be seen at once. Needs chromium.

To look again at one part: ``--states`` adds the dialogs of ``tests/browser/states.py``, ``--only captions`` chooses by
name, ``--devices small 4k``, ``--languages ja`` and ``--schemes dark`` by the rest. A state that cannot be reached is
said at the end, and the page is shown as it was then.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import build_web  # noqa: E402 -- beside this file

from enogu.cli.demo import IDENTITY_TAGS, demo_recipe  # noqa: E402
from tests.browser.conftest import OPTIONS, Studio, open_studio  # noqa: E402
from tests.browser.places import list_places, settle, tagged_sample  # noqa: E402
from tests.browser.states import STATES as DIALOGS  # noqa: E402
from tests.browser.states import let_go  # noqa: E402

DEVICES = {
    "small": (360, 740),
    "phone": (390, 844),
    "desktop": (1280, 800),
    "wide": (1920, 1080),
    "4k": (3840, 2160),
}
USUAL_DEVICES = ("phone", "desktop")
PHONES = frozenset({"small", "phone"})
LANGUAGES = {"ja": "ja-JP", "en": "en-GB"}
SCHEMES = ("light", "dark")
TALLEST = 3_000
WEBP_QUALITY = 82
TRAIN_SECONDS = 1_800
SHEET_WIDTHS = {"small": 230, "phone": 230, "desktop": 400, "wide": 600, "4k": 900}
STATE_SECONDS = 8

Place = tuple[str, Callable[[Page], None] | None]


def main() -> None:
    """Build, seed, take, lay out."""
    options = _options()
    build_web.build()
    options.out.mkdir(parents=True, exist_ok=True)
    with open_studio(options.home, engine=options.engine) as studio, sync_playwright() as playwright:
        if options.engine == "real" and not studio.get("/runs"):
            train_the_mascot(studio)
        paths = list_places(studio)
        every: dict[str, Place] = {name: (path, None) for name, path in paths.items()}
        every |= {name: (paths[place], act) for name, (place, act) in STATES.items()}
        if options.states:
            every |= {name: (paths[state.place], state.act) for name, state in DIALOGS.items()}
        places = {name: place for name, place in every.items() if not options.only or re.search(options.only, name)}
        browser = playwright.chromium.launch(executable_path=options.chromium, args=OPTIONS)
        for device in options.devices:
            taken = take(browser, studio, places, device, options)
            if not options.whole:
                lay_out(taken, places, device, options)
        browser.close()


def train_the_mascot(studio: Studio) -> None:
    """As ``enogu run-demo`` does it: the tags of the mascot's own looks go, its trigger learns them."""
    dataset = tagged_sample(studio)
    studio.post(f"/datasets/{dataset}/captions/edits", {"command": {"kind": "delete", "tags": list(IDENTITY_TAGS)}})
    recipe = demo_recipe("starter").model_dump(mode="json", exclude_unset=True)
    run = studio.post("/runs", {"dataset_id": dataset, "recipe": recipe, "name": "mame"})["id"]
    until = time.monotonic() + TRAIN_SECONDS
    while studio.get(f"/runs/{run}")["state"] not in ("finished", "failed") and time.monotonic() < until:
        time.sleep(2)
    if studio.get(f"/runs/{run}")["state"] != "finished":
        raise SystemExit(f"The mascot's training did not finish: {studio.get(f'/runs/{run}')}")


def take(
    browser: Browser, studio: Studio, places: dict[str, Place], device: str, options: argparse.Namespace
) -> dict[tuple[str, str, str], Image.Image]:
    """By page, language and scheme."""
    width, height = DEVICES[device]
    taken: dict[tuple[str, str, str], Image.Image] = {}
    for language in options.languages:
        for scheme in options.schemes:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                locale=LANGUAGES[language],
                timezone_id="Asia/Tokyo",
                color_scheme="dark" if scheme == "dark" else "light",
                has_touch=device in PHONES,
                is_mobile=device in PHONES,
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.set_default_timeout(STATE_SECONDS * 1000)
            for name, (path, act) in places.items():
                let_go(page)
                page.goto(studio.url + path)
                settle(page)
                if act is not None:
                    try:
                        act(page)
                    except (PlaywrightError, AssertionError) as error:
                        first = str(error).splitlines()[0]
                        print(f"{name} {language} {scheme} {device} was not reached: {first}", file=sys.stderr)
                picture = _shot(page, is_whole=options.whole)
                picture.save(options.out / f"{name}_{language}_{scheme}_{device}.webp", quality=WEBP_QUALITY)
                taken[name, language, scheme] = picture
            context.close()
    return taken


def _show_results(page: Page) -> None:
    page.locator("main table").last.evaluate("table => table.scrollIntoView({block: 'start'})")
    page.evaluate("scrollBy(0, -110)")
    settle(page)


def _open_viewer(page: Page) -> None:
    page.locator("main table td button").last.click()
    page.get_by_role("dialog").wait_for()
    settle(page)


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "result": ("run", _show_results),
    "viewer": ("run", _open_viewer),
}
"""Pictures of a page in a state that it does not open in: name to place, and what is done there."""


def _shot(page: Page, *, is_whole: bool) -> Image.Image:
    """What the window shows, or the whole page down to a bound."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=is_whole))).convert("RGB")
    return picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))


def lay_out(
    taken: dict[tuple[str, str, str], Image.Image], places: dict[str, Place], device: str, options: argparse.Namespace
) -> None:
    """A row a page, a column a language and scheme."""
    columns = [(language, scheme) for language in options.languages for scheme in options.schemes]
    width = SHEET_WIDTHS[device]
    height = round(width * DEVICES[device][1] / DEVICES[device][0])
    for start in range(0, len(places), 4):
        names = list(places)[start : start + 4]
        sheet = Image.new("RGB", ((width + 8) * len(columns), (height + 24) * len(names)), "white")
        draw = ImageDraw.Draw(sheet)
        for row, name in enumerate(names):
            for column, (language, scheme) in enumerate(columns):
                small = taken[name, language, scheme].resize((width, height), Image.Resampling.LANCZOS)
                where = (column * (width + 8), row * (height + 24))
                draw.text((where[0] + 2, where[1] + 4), f"{name} {language} {scheme} {device}", fill="black")
                sheet.paste(small, (where[0], where[1] + 20))
        sheet.save(options.out / f"sheet_{device}_{start // 4 + 1}.png")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--home", type=Path, required=True, help="folder of the studio that is shown; it is kept")
    parser.add_argument("--engine", choices=("real", "fake"), default="real")
    parser.add_argument("--only", default="", help="a pattern of the pages' names")
    parser.add_argument("--states", action="store_true", help="dialogs too")
    parser.add_argument("--devices", nargs="+", choices=tuple(DEVICES), default=USUAL_DEVICES)
    parser.add_argument("--languages", nargs="+", choices=tuple(LANGUAGES), default=tuple(LANGUAGES))
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=SCHEMES)
    parser.add_argument("--whole", action="store_true", help="pages as a whole, not what fits the window")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser's program")
    return parser.parse_args()


if __name__ == "__main__":
    main()
