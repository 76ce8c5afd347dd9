"""Files and zips as answers: ranges, caching, names, and that strangers' files harm nobody."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from enogu.delivery import TheFiles, file_answer, zip_answer
from enogu.delivery.names import MOST_BYTES, content_disposition, harmless_name
from enogu.delivery.ranges import RangeUnsatisfiable, parse_range
from enogu.errors import NotFound
from enogu.storage.files_in_memory import FilesInMemory

DATA = bytes(range(256)) * 4096
FILES = FilesInMemory()
KEPT = FILES.put([DATA], 10**9).sha256
ETAG = f'"{KEPT}"'


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.state.files = FILES

    @app.api_route("/file", methods=["GET", "HEAD"])
    def file(request: Request, files: TheFiles, kind: str = "image/png", name: str | None = None) -> Response:
        return file_answer(request, files, KEPT, kind, download_name=name)

    @app.get("/zip")
    def zipped(files: TheFiles, lazy: bool = False) -> Response:
        entries: list[tuple[str, str | bytes]] = [
            ("絵/豆.png", KEPT),
            ("絵/豆.png", b"two"),
            ("../../etc/passwd", b"x"),
        ]
        return zip_answer(files, iter(entries) if lazy else entries, "豆の絵.zip")

    return TestClient(app)


def test_a_whole_file_comes_with_its_hash_and_may_be_kept_for_ever(client: TestClient) -> None:
    answer = client.get("/file")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["etag"] == ETAG
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["content-length"] == str(len(DATA))
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == "inline"


@pytest.mark.parametrize(
    ("header", "part", "said"),
    [
        ("bytes=0-9", DATA[:10], "bytes 0-9/1048576"),
        ("bytes=1048570-", DATA[-6:], "bytes 1048570-1048575/1048576"),
        ("bytes=-5", DATA[-5:], "bytes 1048571-1048575/1048576"),
        ("bytes=10-99999999", DATA[10:], "bytes 10-1048575/1048576"),
    ],
)
def test_a_range_is_a_part_of_the_file(client: TestClient, header: str, part: bytes, said: str) -> None:
    answer = client.get("/file", headers={"Range": header})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, part, said)


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-2", "bytes=-", "bytes=a-b"])
def test_what_is_no_single_range_gets_the_whole(client: TestClient, header: str) -> None:
    answer = client.get("/file", headers={"Range": header})
    assert (answer.status_code, len(answer.content)) == (200, len(DATA))


def test_a_range_behind_the_end_is_refused_with_the_size(client: TestClient) -> None:
    answer = client.get("/file", headers={"Range": "bytes=1048576-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */1048576")


@pytest.mark.parametrize("header", [ETAG, f"W/{ETAG}", f'"x", {ETAG}', "*"])
def test_what_the_browser_has_is_not_sent_again(client: TestClient, header: str) -> None:
    answer = client.get("/file", headers={"If-None-Match": header})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_range_of_another_version_gets_the_whole(client: TestClient) -> None:
    ours = {"Range": "bytes=0-1", "If-Range": ETAG}
    assert client.get("/file", headers=ours).status_code == 206
    for other in ('"x"', f"W/{ETAG}", "Wed, 25 Nov 2026 00:00:00 GMT"):
        assert client.get("/file", headers={**ours, "If-Range": other}).status_code == 200


def test_head_tells_what_get_would_send(client: TestClient) -> None:
    answer = client.head("/file")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(DATA)))


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/javascript", "nonsense"])
def test_a_kind_that_could_run_is_bytes_to_be_saved(client: TestClient, kind: str) -> None:
    answer = client.get("/file", params={"kind": kind})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_japanese_name_is_sent_in_both_forms(client: TestClient) -> None:
    said = client.get("/file", params={"name": '豆"の絵;.png'}).headers["content-disposition"]
    assert said == "attachment; filename=\"____;.png\"; filename*=UTF-8''%E8%B1%86_%E3%81%AE%E7%B5%B5%3B.png"


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("../../evil.txt", "_.._evil.txt"),
        ("con.txt", "_con.txt"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie_ x.png"),
        ("\u202egnp.exe", "gnp.exe"),
        (" . ", "file"),
        ("", "file"),
        ("豆", "豆"),
    ],
)
def test_names_lose_what_could_harm(name: str, harmless: str) -> None:
    assert harmless_name(name) == harmless


@given(st.text(max_size=400))
def test_any_name_becomes_one_that_every_system_keeps(name: str) -> None:
    shown = harmless_name(name)
    assert shown and len(shown.encode()) <= MOST_BYTES
    assert not set(shown) & set('/\\:*?"<>|\r\n\0')
    assert shown.strip(" .") == shown
    content_disposition(name).encode("ascii")


@given(st.text(alphabet="bytes=0123456789-, ", max_size=30), st.integers(0, 1000))
def test_any_range_header_gives_a_part_of_the_file_or_none(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except RangeUnsatisfiable:
        return
    assert part is None or 0 <= part[0] < part[1] <= size


@pytest.mark.parametrize("lazy", [False, True])
def test_a_zip_is_made_while_it_is_sent(client: TestClient, lazy: bool) -> None:
    answer = client.get("/zip", params={"lazy": lazy})
    assert ("content-length" in answer.headers) is not lazy
    assert "filename*=UTF-8''%E8%B1%86" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["絵/豆.png", "絵/豆 (2).png", "etc/passwd"]
        assert opened.read("絵/豆.png") == DATA
        assert {one.compress_type for one in opened.infolist()} == {zipfile.ZIP_STORED}


def test_a_zip_of_a_missing_file_is_refused_before_it_begins() -> None:
    with pytest.raises(NotFound):
        zip_answer(FILES, [("a", "0" * 64)], "a.zip")


def test_a_lazy_zip_reads_each_file_when_its_turn_comes() -> None:
    asked: list[int] = []

    def entries() -> Iterator[tuple[str, str | bytes]]:
        for number in range(3):
            asked.append(number)
            yield f"{number}.png", KEPT

    zip_answer(FILES, entries(), "a.zip")
    assert asked == []
