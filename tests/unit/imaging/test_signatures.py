"""What a file is by its first bytes."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from enogu.imaging.signatures import describe_content, find_format, png_orientation, webp_size
from tests.hostile_pictures import photo


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WebP", "AVIF", "GIF", "BMP", "TIFF"])
def test_each_format_is_known_by_its_first_bytes(name: str) -> None:
    buffer = io.BytesIO()
    photo().save(buffer, format=name.upper())
    assert find_format(buffer.getvalue()[:64]) == name


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"PK\x03\x04...", "a zip file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        ("\ufeff<html>".encode(), "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"\0\0\0\x20ftypisom\0\0\0\0isommp42", "a video"),
        ("絵ではない".encode("cp932"), "contains text"),
        ("絵ではない".encode()[:-1], "contains text"),
        (b"\x01\x02\0\xfe", "no known kind"),
    ],
)
def test_other_content_is_named(head: bytes, words: str) -> None:
    assert find_format(head) is None
    assert words in describe_content(head)


def test_a_text_that_begins_with_bm_is_no_bitmap() -> None:
    assert find_format(b"BMW and other cars, a list of them") is None


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0MM\0*" + bytes(8)}])
def test_the_size_of_a_webp_is_read_from_each_kind_of_header(options: dict[str, object]) -> None:
    buffer = io.BytesIO()
    photo(70, 33).save(buffer, format="WEBP", **options)
    assert webp_size(buffer.getvalue()) == (70, 33)


def test_a_png_of_endless_chunks_ends() -> None:
    chunk = struct.pack(">I4s", 0, b"teSt") + bytes(4)
    assert png_orientation(io.BytesIO(bytes(8) + chunk * 200_000)) == 1
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, format="PNG")
    assert png_orientation(buffer) == 1
