"""What the pages cost a person's browser: time until they can be used, the wait after a key, bytes to load.

``python benchmarks/web.py`` for all of it, ``--quick`` to see that it runs. For datasets of 100 and 1,000 pictures with
30 tags each, on Debian's chromium, a new browser profile each time:

* How long from the address to a page that can be used: what one came for stands there, and the browser has finished
  what kept it busy (aim: within a second)?
* How long from a key or a click to the next picture on the screen that shows it (aim: within 50 ms)?
* How much of what is seen jumps while the page loads on a phone (the Web Vitals' layout shift: 0 is nothing, aim 0.02,
  theirs is 0.1)? What jumps is missed by a finger.
* How many bytes does a page load before it can be used (aim: under 300 kB for the first page)?

Server, worker and browser share this machine, over loopback; the browser draws without a graphics card.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select

from enogu.bootstrap import open_studio
from enogu.datasets.store.datasets import DatasetRow
from enogu.datasets.store.pictures import PictureRow
from enogu.settings import Settings
from enogu.storage.database import new_id, transaction
from machine import machine

AIM_INTERACTIVE_MS, AIM_INPUT_MS, AIM_FIRST_LOAD, AIM_SHIFT = 1_000, 50, 300_000, 0.02
DESK, PHONE = (1280, 800), (390, 844)
WINDOW_MARGIN = 200
WAIT_SECONDS = 120
SEEN_MS = 300
"""Between what scrolls a field into sight and a click on it: less than a hand takes to get there."""
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
WATCH = """(selector => {
    const seen = {busy: [], events: [], shift: 0, ready: 0};
    window.__seen = seen;
    new PerformanceObserver(list => {
        for (const one of list.getEntries()) seen.busy.push([one.startTime, one.startTime + one.duration]);
    }).observe({type: 'longtask', buffered: true});
    new PerformanceObserver(list => {
        for (const one of list.getEntries()) if (one.interactionId) seen.events.push([one.interactionId, one.duration]);
    }).observe({type: 'event', buffered: true, durationThreshold: 16});
    new PerformanceObserver(list => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) seen.shift += one.value;
    }).observe({type: 'layout-shift', buffered: true});
    const look = () => {
        const found = document.querySelector(selector);
        if (found?.checkVisibility()) seen.ready = performance.now();
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""
QUIET = """() => {
    const {ready, busy} = window.__seen;
    if (!ready) return null;
    let end = ready;
    for (const [from, to] of busy) if (to > end && from < end + 500) end = to;
    return performance.now() > end + 500 ? end : null;
}"""


@dataclass(frozen=True)
class Visit:
    """A page, what one came for, and what is done there."""

    name: str
    path: str
    """With ``{dataset}`` for the dataset's id."""
    ready: str
    """A selector: when this stands there, the page serves."""
    acts: dict[str, Callable[[Page], None]]


def main() -> None:
    """Measure, print, keep."""
    options = _options()
    if not Path(options.chromium).exists():
        print(f"No browser at {options.chromium}, so that no page can be measured. Debian: apt install chromium")
        return
    sizes = (20, 100) if options.quick else (100, 1_000)
    rounds = 1 if options.quick else options.rounds
    report: dict[str, Any] = {"machine": machine(), "quick": options.quick, "rounds": rounds}
    with tempfile.TemporaryDirectory(prefix="enogu-web-bench-") as folder:
        home = Path(folder)
        with served(home) as url:
            sample = httpx.post(f"{url}/api/datasets/samples", json={"name": "mame"}, timeout=WAIT_SECONDS).json()["id"]
        ids = {size: fill_dataset(home, sample, size) for size in sizes}
        with served(home) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=options.chromium, args=OPTIONS)
            report["pages"] = [
                measure(browser, url, visit, size, dataset, rounds) for visit in VISITS for size, dataset in ids.items()
            ]
            report["bytes"] = {
                name: measure_bytes(browser, url + path.format(dataset=ids[sizes[0]]), ready)
                for name, (path, ready) in ROUTES.items()
            }
            report["shift"] = {
                name: measure_shift(browser, url + path.format(dataset=ids[sizes[0]]), ready, rounds)
                for name, (path, ready) in ROUTES.items()
            }
            browser.close()
    _print_tables(report)
    print(json.dumps(report))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of a server on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "enogu", "--json", "serve", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
        env={**os.environ, "ENOGU_HOME": str(home)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"]).rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def fill_dataset(home: Path, sample: str, size: int) -> str:
    """Rows like those of the sample, whose files they share; 30 tags each, all different to the eye."""
    chance = random.Random(size)
    words = [f"tag {number}" for number in range(400)]
    studio = open_studio(Settings(home))
    try:
        with transaction(studio.engine) as session:
            like = session.get(DatasetRow, sample)
            assert like is not None
            dataset_id = new_id()
            changed = {"id": dataset_id, "name": f"{size} pictures", "num_pictures": size}
            session.add(DatasetRow(**(_columns(like) | changed)))
            shown = session.scalars(select(PictureRow).where(PictureRow.dataset_id == sample)).all()
            session.add_all(
                PictureRow(
                    **(
                        _columns(shown[number % len(shown)])
                        | {
                            "id": new_id(),
                            "dataset_id": dataset_id,
                            "name": f"{number:05}.png",
                            "position": number + 1,
                            "pixel_sha256": f"{number:064x}",
                            "fingerprint": f"{chance.getrandbits(640):0160x}",
                            "caption": ", ".join(["mame", "smile", *chance.sample(words, 28)]),
                            "has_caption": True,
                        }
                    )
                )
                for number in range(size)
            )
        return dataset_id
    finally:
        studio.close()


def _columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__mapper__.column_attrs}


# --- what is done on the pages --------------------------------------------------------------------------------------


def _typing(selector: str, text: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        field = page.locator(selector).first
        field.scroll_into_view_if_needed()
        page.wait_for_timeout(SEEN_MS)  # nobody presses what was not drawn yet
        field.click()
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        page.keyboard.type(text, delay=120)

    return act


def _clicking(selector: str, count: int = 5) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        for number in range(count):
            page.locator(selector).nth(number).click()
            page.wait_for_timeout(120)

    return act


def _pressing(selector: str, key: str, count: int = 8) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.locator(selector).first.focus()
        for _ in range(count):
            page.keyboard.press(key)
            page.wait_for_timeout(120)

    return act


def _adding_a_tag(page: Page) -> None:
    page.locator(ADDER).fill("a tag of one's own")
    page.wait_for_timeout(300)
    page.evaluate("window.__seen.events.length = 0")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)


def _deleting_tags(page: Page) -> None:
    """The fifth to the seventh of the union, over all pictures: chosen, asked about, confirmed."""
    for place in (4, 5, 6):
        page.locator(UNION).nth(place).click()
        page.wait_for_timeout(120)
    page.keyboard.press("Delete")
    page.locator("[role=dialog] button").last.click()
    page.wait_for_timeout(500)


TILE = "[role=option][data-place]"
ADDER = "input[aria-label='この画像にタグを追加']"
UNION = "[role=listbox][aria-label='全画像のタグ'] [role=option]"
VISITS = (
    Visit(
        "dataset",
        "/datasets/{dataset}",
        f"{TILE} img",
        {
            "typing into the trigger": _typing("[data-option='trigger'] input", "a long trigger"),
            "typing into a prompt": _typing("[data-option='previews.prompts'] textarea", "mame, smile"),
            "typing a number": _typing("[data-option='training.epochs'] input", "12345"),
            "choosing pictures": _clicking(TILE),
            "walking by arrows": _pressing(TILE, "ArrowDown"),
        },
    ),
    Visit(
        "captions",
        "/datasets/{dataset}/captions",
        UNION,
        {
            "typing a tag": _typing(ADDER, "smile, long hair"),
            "adding a tag": _adding_a_tag,
            "searching the union": _typing("input[aria-label='タグを検索']", "tag 12"),
            "emptying the search": _typing("input[aria-label='タグを検索']", ""),
            "deleting tags from all": _deleting_tags,
            "the next picture": _pressing(ADDER, "Control+ArrowDown"),
        },
    ),
)
ROUTES = {
    "training": ("/", "h1"),
    "dataset": ("/datasets/{dataset}", f"{TILE} img"),
    "captions": ("/datasets/{dataset}/captions", UNION),
    "loras": ("/loras", "h1"),
    "drawings": ("/drawings", "h1"),
    "account": ("/account", "h1"),
}


# --- measuring ------------------------------------------------------------------------------------------------------


def measure(browser: Browser, url: str, visit: Visit, size: int, dataset: str, rounds: int) -> dict[str, Any]:
    """Medians over rounds of the time until it can be used; of each act the slowest of all its keys or clicks."""
    interactive: list[float] = []
    waits: dict[str, list[float]] = {name: [] for name in visit.acts}
    for _ in range(rounds):
        with opened(browser, url + visit.path.format(dataset=dataset), visit.ready) as page:
            interactive.append(page.wait_for_function(QUIET, timeout=WAIT_SECONDS * 1000).json_value())
            page.wait_for_load_state("networkidle")
            for name, act in visit.acts.items():
                page.evaluate("window.__seen.events.length = 0")
                act(page)
                page.wait_for_timeout(500)
                waits[name].append(max((wait for _, wait in page.evaluate("window.__seen.events")), default=16.0))
    return {
        "page": visit.name,
        "pictures": size,
        "interactive, ms": round(statistics.median(interactive)),
        "slowest input, ms": {name: statistics.median(each) for name, each in waits.items()},
    }


def measure_bytes(browser: Browser, url: str, ready: str) -> dict[str, int]:
    """As they come over the line, gzipped: what a first visit loads, without pictures and answers of the API.

    Browsers that take Brotli, which they do over TLS and from their own machine, load an eighth less.
    """
    with opened(browser, url, ready, {"Accept-Encoding": "gzip"}) as page:
        page.wait_for_function(QUIET, timeout=WAIT_SECONDS * 1000)
        sizes = page.evaluate(
            "() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".map(one => [one.name, one.encodedBodySize])"
        )
    program = [(name, size) for name, size in sizes if "/api/" not in name]
    return {
        "scripts": sum(size for name, size in program if name.endswith(".js")),
        "styles": sum(size for name, size in program if name.endswith(".css")),
        "all": sum(size for _, size in program),
    }


def measure_shift(browser: Browser, url: str, ready: str, rounds: int) -> float:
    """The most of all rounds, from the address to a second after the last answer."""
    worst = 0.0
    for _ in range(rounds):
        with opened(browser, url, ready, window=PHONE) as page:
            page.wait_for_function(QUIET, timeout=WAIT_SECONDS * 1000)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1000)
            worst = max(worst, page.evaluate("window.__seen.shift"))
    return round(worst, 4)


@contextmanager
def opened(
    browser: Browser, url: str, ready: str, headers: dict[str, str] | None = None, window: tuple[int, int] = DESK
) -> Iterator[Page]:
    """The page in a profile that has never seen the studio.

    Chromium's window is made larger than what is seen of the page: its own bar takes 87 pixels of a window that was
    asked for, what lies below is never drawn on the screen, and a key there seemed to wait for 1.5 seconds.
    """
    context = browser.new_context(
        viewport={"width": window[0], "height": window[1]},
        locale="ja-JP",
        reduced_motion="reduce",
        extra_http_headers=headers or {},
    )
    try:
        page = context.new_page()
        page.set_default_timeout(WAIT_SECONDS * 1000)
        chromium = context.new_cdp_session(page)
        own = chromium.send("Browser.getWindowForTarget")["windowId"]
        bounds = {"width": window[0] + WINDOW_MARGIN, "height": window[1] + WINDOW_MARGIN}
        chromium.send("Browser.setWindowBounds", {"windowId": own, "bounds": bounds})
        page.add_init_script(f"{WATCH}({json.dumps(ready)})")
        page.goto(url)
        yield page
    finally:
        context.close()


# --- what is printed ------------------------------------------------------------------------------------------------


def _print_tables(report: dict[str, Any]) -> None:
    print(f"{'page':<12}{'pictures':>9}{'interactive, ms':>17}   slowest input, ms")
    for row in report["pages"]:
        print(f"{row['page']:<12}{row['pictures']:>9}{_against(row['interactive, ms'], AIM_INTERACTIVE_MS):>17}")
        for name, wait in row["slowest input, ms"].items():
            print(f"{'':<41}{name:<28}{_against(wait, AIM_INPUT_MS)}")
    print(f"\n{'first visit of':<16}{'scripts':>10}{'styles':>10}{'all, bytes':>14}{'jumps':>12}")
    for name, sizes in report["bytes"].items():
        print(
            f"{name:<16}{sizes['scripts']:>10,}{sizes['styles']:>10,}{_against(sizes['all'], AIM_FIRST_LOAD):>14}"
            f"{report['shift'][name]:>10.4f}{' !' if report['shift'][name] > AIM_SHIFT else ''}"
        )
    print(
        f"\nAims: interactive within {AIM_INTERACTIVE_MS} ms, input within {AIM_INPUT_MS} ms, first load under"
        f" {AIM_FIRST_LOAD:,} bytes, jumps within {AIM_SHIFT}; ! is above. Waits are told in steps of 8 ms, and 16"
        " stands for up to 16.\n"
    )


def _against(value: float, aim: float) -> str:
    return f"{value:,.0f}{' !' if value > aim else ''}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small and once; shows that it runs, no more")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep the report here, as JSON")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser's program")
    return parser.parse_args()


if __name__ == "__main__":
    main()
