"""``make`` on Linux and macOS and ``make.bat`` on Windows are the same commands, though nobody tries both each time."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT

COMMANDS = ("run", "demo", "test", "check", "bench")


def _of_makefile() -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "Makefile").read_text("utf-8").splitlines():
        if match := re.match(r"([a-z]+):", line):
            name = match[1]
        elif line.startswith("\t") and name in COMMANDS:
            said = line.strip().replace(".venv/bin/", "BIN ").replace("$(PYTEST_FLAGS)", "FLAGS")
            lines.setdefault(name, []).append(said)
    return lines


def _of_batch() -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "make.bat").read_text("ascii").splitlines():
        if line.startswith(":"):
            name = line.removeprefix(":do_")
        elif line.startswith("%BIN%\\"):
            said = line.replace("%BIN%\\", "BIN ").replace("%PYTEST_FLAGS%", "FLAGS").removesuffix(" || exit /b 1")
            lines.setdefault(name, []).append(said.replace("\\", "/"))
    return lines


def test_make_on_windows_knows_the_same_commands() -> None:
    unix = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert unix == set(re.findall(r'"%~1"=="([a-z]+)"', (ROOT / "make.bat").read_text("ascii")))


def test_both_files_have_the_same_lines_for_each_command() -> None:
    assert _of_batch() == _of_makefile()
    assert tuple(_of_makefile()) == COMMANDS


def test_both_files_clean_away_the_same_and_say_the_same_help() -> None:
    makefile, batch = (ROOT / "Makefile").read_text("utf-8"), (ROOT / "make.bat").read_text("ascii")
    folders = re.findall(r"rm -rf (.+)", makefile)[0].split()
    assert re.findall(r"in \((.+)\) do", batch)[0].replace("\\", "/").split() == folders
    of_makefile = re.findall(r'@echo "(make .+)"', makefile)
    assert [line.replace("\\", "/") for line in re.findall(r"^echo (make .+)$", batch, re.MULTILINE)] == of_makefile


def test_every_label_that_is_gone_to_is_there_and_the_batch_file_has_windows_line_ends() -> None:
    """Without them cmd.exe may miss a label."""
    batch = (ROOT / "make.bat").read_text("ascii")
    labels = set(re.findall(r"^:(\w+)", batch, re.MULTILINE))
    gone_to = set(re.findall(r"\bgoto (\w+)$", batch, re.MULTILINE)) | {f"do_{name}" for name in ("setup", *COMMANDS)}
    assert gone_to | set(re.findall(r"call :(\w+)", batch)) == labels
    assert "*.bat text eol=crlf" in (ROOT / ".gitattributes").read_text("utf-8").splitlines()
