"""What the program says, in Japanese: whole texts, several sentences, values within values, and unknown ones (J1)."""

from __future__ import annotations

import json
import time

import pytest

from enogu.words import language_of_environment, language_of_header, said, said_in, speaking, spoken
from enogu.words.catalog import Catalog, read_catalog

JAPANESE = {
    "There is no such dataset. It may have been deleted.": "そのデータセットはありません。削除されたのかもしれません。",
    "The base model 'mix' cannot be used: It has no text encoder and no VAE.": (
        "ベースモデル「mix」は使えません。テキストエンコーダー、VAEがありません。"
    ),
    "photo.heic is not a picture we can read: it is a HEIC picture.": (
        "photo.heic は読める画像ではありません(HEIC 画像です)。"
    ),
    "a b.png is cut short or damaged (the file ends too early).": (
        "a b.png が途中で切れているか、壊れています(ファイルが途中で切れています)。"
    ),
    "evil.png has a path that leads out of its folder.": "evil.png のパスがフォルダーの外に出ています。",
    "training.epochs: 0 is out of range. Allowed: 1 to 1000.": (
        "training.epochs: 0 は範囲外です。使えるのは 1〜1000 です。"
    ),
    "add smile, blush and 4 more to 12 pictures": "12 枚に smile, blush ほか 4 個 を追加",
    "The run 'zdm' is training and cannot be resumed.": "学習「zdm」は学習中のため、再開できません。",
    "The graphics card ran out of memory.": "GPU のメモリーが足りなくなりました。",
    "The engine crashed (SIGSEGV). Its last words: free(): invalid pointer. Aborted.": (
        "エンジンが異常終了しました(SIGSEGV)。最後の出力: free(): invalid pointer. Aborted."
    ),
    "Beside mame_1.png: 2 × nearly the same picture, 1 × its mirror image.": (
        "mame_1.png のほかに: ほぼ同じ画像 2 枚、左右反転した画像 1 枚。"
    ),
    "It would fit with training.epochs = 8 and 3 fewer pictures (120). Or wait for tomorrow's stamina.": (
        "次のようにすれば足ります: training.epochs = 8、画像を 3 枚減らす(120)。または明日のスタミナを待ってください。"
    ),
}


@pytest.mark.parametrize("english", JAPANESE)
def test_what_is_said_is_said_in_japanese(english: str) -> None:
    assert said(english, "ja") == JAPANESE[english]


def test_without_another_language_everything_is_as_it_was_written() -> None:
    assert spoken() == "en"
    assert said("There is no such dataset.") == "There is no such dataset."


def test_the_language_holds_inside_and_no_longer() -> None:
    with speaking("ja"):
        assert said("There is no such dataset.") == "そのデータセットはありません。"
    assert said("There is no such dataset.") == "There is no such dataset."


def test_what_is_not_known_stays_and_what_is_known_beside_it_is_said() -> None:
    assert said("Nobody wrote this sentence.", "ja") == "Nobody wrote this sentence."
    assert said("Nobody wrote this. Try again.", "ja") == "Nobody wrote this. もう一度試してください。"


def test_a_value_of_a_person_is_never_translated() -> None:
    assert said("There is no base model 'the body'.", "ja") == "ベースモデル「the body」はありません。"


def test_sentences_of_a_stored_event_are_said_and_its_data_is_not() -> None:
    event = {
        "kind": "Failed",
        "message": "Try again.",
        "file": "Try again.",
        "of": {"notes": ["Try again."]},
        "step": 3,
    }
    with speaking("ja"):
        told = said_in(event)
    assert told == {
        "kind": "Failed",
        "message": "もう一度試してください。",
        "file": "Try again.",
        "of": {"notes": ["もう一度試してください。"]},
        "step": 3,
    }
    assert said_in(event) == event


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("ja", "ja"), ("ja-JP,ja;q=0.9,en-US;q=0.8", "ja"), ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr, ja;q=0.2", "ja"), ("fr", "en"), ("en;q=0.1, ja;q=0.9", "ja"), ("ja;q=0, en", "en"), ("ja;q=x", "en"),
        ("*", "en"), ("JA_jp", "en"), ("cimode", "en"),
    ],
)  # fmt: skip
def test_the_language_is_chosen_by_what_the_browser_wants(header: str, language: str) -> None:
    assert language_of_header(header) == language


def test_the_language_of_the_command_line_is_that_of_the_environment() -> None:
    assert language_of_environment({"LANG": "ja_JP.UTF-8"}) == "ja"
    assert language_of_environment({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}) == "en"
    assert language_of_environment({}) == "en"


def test_a_number_is_wanted_where_a_number_is_meant() -> None:
    catalog = Catalog({"{1} pictures": "{1:number} 枚"})
    assert catalog.translated("1,200 pictures") == "1,200 枚"
    assert catalog.translated("my pictures") == "my pictures"


def test_no_text_takes_long_whatever_it_holds() -> None:
    """Texts hold what strangers wrote: names of files, prompts, words of libraries."""
    catalog = read_catalog("ja")
    hostile = [
        "The base model '" * 400, "is " * 2000, ". " * 4000, "There are: " * 700, "{1} " * 1500, "\n" * 7000,
        "The run 'a' is b and " * 350, "x" * 100_000,
    ]  # fmt: skip
    started = time.perf_counter()
    for text in hostile:
        catalog.translated(text)
    assert time.perf_counter() - started < 1


def test_a_page_of_notes_is_said_in_milliseconds() -> None:
    catalog = read_catalog("ja")
    notes = [f"mame_{n}.png is kept as mame_{n} (2).png: the name was taken." for n in range(500)]
    started = time.perf_counter()
    assert all(catalog.translated(one) != one for one in notes)
    assert time.perf_counter() - started < 0.5
    assert json.dumps(notes)
