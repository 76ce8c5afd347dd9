"""A1111's generation text (product I4)."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enogu.errors import PictureRefused, StorageFailed, WrongUse
from enogu.imaging.infotext import (
    Infotext,
    decode_user_comment,
    parse_infotext,
    read_parameters,
    read_png_parameters,
    save_png,
    write_infotext,
    write_lora_hashes,
)
from tests.hostile_pictures import photo, png_bytes, png_chunk, text_file

FROM_A1111 = """girl with an artist's beret, <lora:mame:0.8>
second line
Negative prompt: ugly, fat, (deformed:1.2)
second negative line
Steps: 20, Sampler: DPM++ 2M, \
Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, Model hash: 45dee52b, Model: name, \
Denoising strength: 0.7, Clip skip: 2, Hires prompt: "a, b: \\"c\\"\\nd", \
Lora hashes: "mame: 1a2b3c4d5e6f, zdm: 00ff", Version: v1.10.1"""


def test_a_text_written_by_a1111_is_read() -> None:
    found = parse_infotext(FROM_A1111)
    assert found.prompt == "girl with an artist's beret, <lora:mame:0.8>\nsecond line"
    assert found.negative_prompt == "ugly, fat, (deformed:1.2)\nsecond negative line"
    assert found.settings["Sampler"] == "DPM++ 2M"
    assert found.settings["Hires prompt"] == 'a, b: "c"\nd'
    assert found.lora_hashes == {"mame": "1a2b3c4d5e6f", "zdm": "00ff"}
    assert found.size == (512, 768)


def test_what_is_read_is_written_again_letter_by_letter() -> None:
    found = parse_infotext(FROM_A1111)
    assert write_infotext(found.prompt, found.negative_prompt, found.settings) == FROM_A1111


def test_settings_are_written_in_a1111s_order_and_none_is_left_out() -> None:
    settings = {
        "Version": "Enogu 0.1",
        "Lora hashes": write_lora_hashes({"mame": "1a2b3c4d5e6f"}),
        "Size": "128x128",
        "Seed": 1,
        "VAE": None,
        "CFG scale": 7.0,
        "Sampler": "DDIM",
        "Steps": 20,
    }
    assert write_infotext("mame", "", settings) == (
        'mame\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1, Size: 128x128, Lora hashes: "mame: 1a2b3c4d5e6f", '
        "Version: Enogu 0.1"
    )
    assert write_lora_hashes({}) is None


def test_without_settings_everything_is_prompt() -> None:
    assert parse_infotext("a girl, green hair") == Infotext("a girl, green hair")
    assert parse_infotext("") == Infotext("")
    assert parse_infotext("a: b, cd: e") == Infotext("a: b, cd: e")
    assert parse_infotext("x\nNegative prompt: y") == Infotext("x", "y")


def test_a_name_no_reader_would_find_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="Lora: x"):
        write_infotext("a", "", {"Lora: x": 1})


def one_line(text: str) -> str:
    return text.replace("\n", " ").strip()


def survives_as_prompt(text: str) -> bool:
    return text == text.strip() and all(
        line == line.strip() and not line.startswith("Negative prompt:") for line in text.split("\n")
    )


prompts = st.one_of(
    st.text(max_size=60).map(str.strip).filter(survives_as_prompt),
    st.lists(st.text(alphabet="ab, (:1.2)<lora:>緑\\\"'", max_size=20).map(one_line), max_size=4)
    .map("\n".join)
    .map(str.strip),
).filter(survives_as_prompt)
values = st.one_of(
    st.text(max_size=20), st.sampled_from(['"', '""', '"a', "a,b", "a: b", "a\nb", "\\", '\\"', " a", ""])
)
keys = st.from_regex(r"[A-Za-z][A-Za-z0-9 /\-]{0,10}[A-Za-z0-9]", fullmatch=True)
FIXED = {"Steps": "20", "Sampler": "DDIM", "Seed": "1"}


@given(prompts, prompts, st.dictionaries(keys, values, max_size=5))
def test_every_text_that_the_layout_can_hold_comes_back(prompt: str, negative: str, extra: dict[str, str]) -> None:
    settings = {**extra, **FIXED}
    found = parse_infotext(write_infotext(prompt, negative, settings))
    assert (found.prompt, found.negative_prompt) == (prompt, negative)
    assert found.settings == settings


@given(st.text())
def test_no_text_at_all_upsets_the_parser(text: str) -> None:
    found = parse_infotext(text)
    assert found.size is None or all(side >= 0 for side in found.size)
    assert isinstance(found.lora_hashes, dict)


@pytest.mark.parametrize(("text", "chunk"), [(FROM_A1111, b"tEXt"), ("café", b"tEXt"), ("豆, 緑の髪\n笑顔", b"iTXt")])
def test_a_png_carries_the_text_in_the_right_chunk(tmp_path: Path, text: str, chunk: bytes) -> None:
    path = tmp_path / "絵 1.png"
    save_png(photo(), path, text)
    assert chunk + b"parameters\0" in path.read_bytes()
    assert read_png_parameters(path) == read_parameters(path) == text
    with Image.open(path) as reopened:  # as A1111 reads it
        assert reopened.info["parameters"] == text


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=80))
def test_any_text_comes_back_from_a_png(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    save_png(photo(16, 16), path, text)
    assert read_png_parameters(path) == text


def test_text_that_no_png_can_hold_is_mended(tmp_path: Path) -> None:
    save_png(photo(), tmp_path / "a.png", "a\0b\ud800c")
    assert read_png_parameters(tmp_path / "a.png") == "ab?c"


def test_a_png_without_text_has_none(tmp_path: Path) -> None:
    save_png(photo(), tmp_path / "a.png")
    assert read_png_parameters(tmp_path / "a.png") is None
    assert read_parameters(tmp_path / "a.png") is None


def test_text_behind_the_pixels_is_found(tmp_path: Path) -> None:
    data = png_bytes(photo())
    path = tmp_path / "late.png"
    path.write_bytes(data[:-12] + png_chunk(b"tEXt", b"parameters\0late") + data[-12:])
    assert read_png_parameters(path) == "late"


def user_comment(text: str, order: str) -> bytes:
    return b"UNICODE\0" + text.encode(order)


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le", "utf-16"])
def test_jpeg_and_webp_carry_it_in_exif(tmp_path: Path, format_name: str, order: str) -> None:
    text = "豆, 緑の髪\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = user_comment(text, order)
    path = tmp_path / "picture"
    photo().save(path, format=format_name, exif=exif.tobytes())
    assert read_parameters(path) == text
    assert read_png_parameters(path) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"ASCII\0\0\0hello\0", "hello"),
        (bytes(8) + "豆".encode(), "豆"),
        (b"JIS\0\0\0\0\0" + "豆".encode("iso2022_jp"), "豆"),
        (b"no code at all", "no code at all"),
        (b"UNICODE\0", None),
        (b"", None),
        (None, None),
        ("text", "text"),
    ],
)
def test_user_comments_of_every_encoding_are_read(value: object, text: str | None) -> None:
    assert decode_user_comment(value) == text


def test_a_jpeg_without_comment_has_none(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.jpg")
    assert read_parameters(tmp_path / "a.jpg") is None


def test_a_text_file_named_png_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureRefused, match=r"a\.png"):
        read_parameters(text_file(tmp_path / "a.png"))


def test_a_compressed_text_bomb_is_refused(tmp_path: Path) -> None:
    bomb = png_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(50_000_000)))
    data = png_bytes(photo())
    path = tmp_path / "bomb.png"
    path.write_bytes(data[:33] + bomb + data[33:])
    with pytest.raises(PictureRefused):
        read_parameters(path)
    assert struct.unpack(">I", bomb[:4])[0] < 100_000


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        save_png(photo(), tmp_path / "file" / "a.png", "x")
    assert [path.name for path in tmp_path.iterdir() if path.name != "enogu-home"] == ["file"]
