"""Headers from strangers: every way to lie in one is refused in words, and what passes the library accepts too (C3)."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize

from enogu.errors import AdapterRefused, BaseModelRefused
from enogu.weights.header import MAX_HEADER_BYTES, Header, parse_header, read_header, read_scalars, reader_of

GOOD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def file_of(header: bytes | dict[str, Any], body: bytes = bytes(24)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def parse(data: bytes, name: str = "x.safetensors") -> Header:
    return parse_header(name, len(data), lambda start, end: data[start:end])


def tensor(**changes: Any) -> bytes:
    return file_of({"a": {**GOOD, **changes}})


def torch_pickle() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    return buffer.getvalue()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "cut off"),
    "seven bytes": (b"1234567", "cut off"),
    "a bare pickle": (b"\x80\x04\x95" + bytes(40), "pickle"),
    "an old pickle": (b"\x80\x02}q\x00." + bytes(40), "pickle"),
    "torch's zip": (torch_pickle(), "pickle"),
    "a length beyond the file": (struct.pack("<Q", 1000) + b"{}", "cut off"),
    "the largest length there is": (struct.pack("<Q", 2**64 - 1) + b"{}", "cut off"),
    "a length over the limit": (struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}", "cut off"),
    "no JSON": (file_of(b"hello"), "damaged"),
    "a list": (file_of(b"[]", b""), "damaged"),
    "a number": (file_of(b"7", b""), "damaged"),
    "UTF-16": (file_of('{"a":1}'.encode("utf-16")), "damaged"),
    "broken UTF-8": (file_of(b'{"\xff": 1}'), "damaged"),
    "deep nesting": (file_of(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "damaged"),
    "deep objects": (file_of(b'{"a":' * 200_000 + b"1" + b"}" * 200_000), "damaged"),
    "a number of many digits": (file_of(b'{"a":' + b"9" * 10_000 + b"}"), "damaged"),
    "NaN": (file_of(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,24]}}'), "damaged"),
    "a name twice": (
        file_of(b'{"a":' + json.dumps(GOOD).encode() + b',"a":' + json.dumps(GOOD).encode() + b"}"),
        "twice",
    ),
    "metadata that are no texts": (file_of({"__metadata__": {"a": 1}}, b""), "metadata"),
    "metadata that are a list": (file_of({"__metadata__": ["a"]}, b""), "metadata"),
    "a tensor that is a number": (file_of({"a": 1}), "not described"),
    "a tensor without dtype": (file_of({"a": {"shape": [2, 3], "data_offsets": [0, 24]}}), "not described"),
    "a tensor with more": (tensor(extra=1), "not described"),
    "an unknown dtype": (tensor(dtype="F31"), "unknown type"),
    "a dtype that is a list": (tensor(dtype=["F32"]), "unknown type"),
    "a negative side": (tensor(shape=[-2, -3]), "shape"),
    "half a side": (tensor(shape=[2.0, 3]), "shape"),
    "a true side": (tensor(shape=[True, 6]), "shape"),
    "a side beyond 64 bits": (tensor(shape=[2**80]), "shape"),
    "sides that overflow together": (tensor(shape=[2**33, 2**33]), "size"),
    "a hundred sides": (tensor(shape=[1] * 100), "shape"),
    "a shape that is a text": (tensor(shape="23"), "shape"),
    "offsets backwards": (tensor(data_offsets=[24, 0]), "place"),
    "three offsets": (tensor(data_offsets=[0, 12, 24]), "place"),
    "a negative offset": (tensor(data_offsets=[-24, 0]), "place"),
    "another size than the shape's": (tensor(shape=[2, 4]), "size"),
    "an end behind the file": (file_of({"a": {**GOOD, "shape": [4, 3], "data_offsets": [0, 48]}}), "end at byte"),
    "an overlap": (file_of({"a": GOOD, "b": GOOD}), "overlaps"),
    "a gap": (file_of({"a": {**GOOD, "data_offsets": [8, 32]}}, bytes(32)), "gap"),
    "bytes behind the end": (file_of({"a": GOOD}, bytes(30)), "end at byte"),
    "no tensors but bytes": (file_of({}), "end at byte"),
    "an empty name": (file_of({"": GOOD}), "no name"),
    "a name of control signs": (file_of({"a\x1b[2J": GOOD}), "no name"),
    "a name that is half a letter": (file_of(b'{"\\ud800":' + json.dumps(GOOD).encode() + b"}"), "no name"),
    "an endless name": (file_of({"a" * 10_000: GOOD}), "no name"),
    "too many tensors": (
        file_of({f"t{n}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for n in range(100_001)}, b""),
        "tensors",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_header_is_refused_naming_the_file(what: str) -> None:
    data, said = HOSTILE[what]
    with pytest.raises(AdapterRefused, match=rf"x\.safetensors .*{said}") as caught:
        parse(data)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_the_words_of_a_refusal_belong_to_who_asked(tmp_path: Path) -> None:
    file = tmp_path / "絵.safetensors"
    file.write_bytes(tensor(dtype="F31"))
    with pytest.raises(BaseModelRefused, match="絵"):
        read_header(file, BaseModelRefused)


def test_a_whole_header_is_read_with_its_places(tmp_path: Path) -> None:
    body = struct.pack("<f", 4.0) + struct.pack("<e", 2.0) + b"\x80\x3f" + struct.pack("<d", float("nan"))
    header = {
        "__metadata__": {"ss_output_name": "豆"},
        "a.alpha": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
        "b.alpha": {"dtype": "F16", "shape": [], "data_offsets": [4, 6]},
        "c.alpha": {"dtype": "BF16", "shape": [1], "data_offsets": [6, 8]},
        "d.alpha": {"dtype": "F64", "shape": [], "data_offsets": [8, 16]},
    }
    file = tmp_path / "x.safetensors"
    file.write_bytes(file_of(header, body))
    found = read_header(file)
    assert found.metadata == {"ss_output_name": "豆"}
    assert found.shapes["c.alpha"] == (1,)
    assert read_scalars(found, reader_of(file), found.tensors) == [4.0, 2.0, 1.0]


@given(
    header=st.dictionaries(
        st.sampled_from(["a", "b", "c", "__metadata__"]),
        st.one_of(
            st.fixed_dictionaries(
                {
                    "dtype": st.sampled_from(["F32", "F16", "U8", "BOOL", "F4", "F8_E4M3", "X"]),
                    "shape": st.lists(st.integers(0, 4), max_size=3),
                    "data_offsets": st.lists(st.integers(0, 24), min_size=2, max_size=2),
                }
            ),
            st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
        ),
        max_size=4,
    ),
    num_bytes=st.integers(0, 24),
)
def test_what_passes_here_the_library_accepts_too(header: dict[str, Any], num_bytes: int) -> None:
    data = file_of(header, bytes(num_bytes))
    try:
        found = parse(data)
    except AdapterRefused:
        return
    accepted = deserialize(data)
    assert {name: tuple(entry["shape"]) for name, entry in accepted} == found.shapes


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_header_or_refused(data: bytes) -> None:
    for attempt in (data, file_of(data, b"")):
        try:
            parse(attempt)
        except AdapterRefused:
            continue
        try:
            deserialize(attempt)
        except SafetensorError as error:
            raise AssertionError("the library knows better") from error


def test_a_header_of_the_largest_size_is_read_in_bounded_time() -> None:
    """32 MB of a single text, as a thumbnail would be."""
    text = json.dumps({"__metadata__": {"modelspec.thumbnail": "x" * (MAX_HEADER_BYTES - 100)}}).encode()
    assert len(parse(file_of(text, b"")).metadata["modelspec.thumbnail"]) == MAX_HEADER_BYTES - 100
