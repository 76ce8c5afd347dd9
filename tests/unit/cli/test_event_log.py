"""events.jsonl holds whole lines whatever happened to the run before."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.cli import event_log
from enogu.cli.event_log import EventLog
from enogu.errors import StorageFailed


def test_a_second_start_appends_to_the_first(tmp_path: Path) -> None:
    for number in (1, 2):
        with EventLog(tmp_path / "new folder" / "events.jsonl") as log:
            log.write({"event": "豆", "number": number})
    lines = (tmp_path / "new folder" / "events.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2]


@given(whole=st.lists(st.just('{"event": "A"}'), max_size=3), cut=st.text(st.characters(exclude_characters="\n")))
def test_what_a_kill_cut_short_is_removed_and_no_more(
    whole: list[str], cut: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    before = "".join(f"{line}\n" for line in whole).encode()
    path.write_bytes(before + cut.encode("utf-8", "surrogatepass"))
    with EventLog(path) as log:
        log.write({"event": "B"})
    assert path.read_bytes() == before + b'{"event": "B"}\n'


def test_a_long_last_line_is_found_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b"x" * 200_000)
    EventLog(path).close()
    assert path.read_bytes() == b'{"a": 1}\n'


def test_a_line_that_does_not_fit_on_the_disk_is_taken_back_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def write_half(file: int, data: bytes) -> int:
        if len(data) < 40:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[: len(data) // 2])

    with EventLog(tmp_path / "events.jsonl") as log:
        log.write({"event": "whole"})
        with monkeypatch.context() as patched:
            patched.setattr(event_log.os, "write", write_half)
            with pytest.raises(StorageFailed, match="disk is full"):
                log.write({"event": "x" * 100})
            log.write({"event": "Failed"})  # the failure itself is told without failing again
    assert (tmp_path / "events.jsonl").read_bytes() == b'{"event": "whole"}\n'
