"""tools/set_up.py without installing anything: what it skips, what it does again, what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import set_up


class Recorder:
    """Stands in for running programs: notes each one, makes a venv that works, fails or stops where it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commands: list[tuple[str, ...]] = []
        self.raise_at: dict[str, BaseException] = {}
        self.web_builds = 0

    def __call__(self, *command: str) -> None:
        if "tools/build_web.py" in command:  # decides by itself whether there is anything to do
            self.web_builds += 1
            return
        self.commands.append(command)
        for word, error in self.raise_at.items():
            if word in command:
                raise error
        if "venv" in command:
            set_up.PYTHON.parent.mkdir(parents=True)
            set_up.PYTHON.symlink_to(sys.executable)


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    venv = tmp_path / ".venv"
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setattr(set_up, "VENV", venv)
    monkeypatch.setattr(set_up, "STAMP", venv / "stamp")
    monkeypatch.setattr(set_up, "UNFINISHED", venv / "unfinished")
    monkeypatch.setattr(set_up, "PYTHON", venv / "bin" / "python")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n", encoding="utf-8")
    recorder = Recorder(tmp_path)
    monkeypatch.setattr(set_up, "_run", recorder)
    return recorder


def test_a_second_set_up_installs_nothing_and_looks_at_the_web_app(recorder: Recorder) -> None:
    assert set_up.main() == 0
    assert recorder.commands
    recorder.commands.clear()
    assert set_up.main() == 0
    assert recorder.commands == []
    assert recorder.web_builds == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_list_of_packages_is_installed_into_the_same_venv(recorder: Recorder, name: str) -> None:
    set_up.main()
    recorder.commands.clear()
    (recorder.folder / name).write_text("changed\n", encoding="utf-8")
    assert set_up.main() == 0
    assert not any("venv" in command for command in recorder.commands)
    assert any("install" in command for command in recorder.commands)


def test_line_ends_of_windows_do_not_make_it_install_again(recorder: Recorder) -> None:
    set_up.main()
    recorder.commands.clear()
    (recorder.folder / "constraints.txt").write_bytes(b"torch==2.13.0\r\n")
    assert set_up.main() == 0
    assert recorder.commands == []


def test_an_interrupted_set_up_starts_over_with_a_new_venv(recorder: Recorder) -> None:
    recorder.raise_at["--editable"] = KeyboardInterrupt()
    assert set_up.main() == 1
    (set_up.VENV / "half-unpacked").touch()
    recorder.raise_at.clear()
    recorder.commands.clear()
    assert set_up.main() == 0
    assert any("venv" in command for command in recorder.commands)
    assert not (set_up.VENV / "half-unpacked").exists()


def test_an_interrupted_change_to_a_finished_venv_is_not_taken_for_done(recorder: Recorder) -> None:
    set_up.main()
    (recorder.folder / "constraints.txt").write_text("torch==2.13.1\n", encoding="utf-8")
    recorder.raise_at["--editable"] = KeyboardInterrupt()
    assert set_up.main() == 1
    (recorder.folder / "constraints.txt").write_text("torch==2.13.0\n", encoding="utf-8")
    recorder.raise_at.clear()
    recorder.commands.clear()
    assert set_up.main() == 0
    assert recorder.commands


def test_a_venv_whose_python_is_gone_is_made_anew(recorder: Recorder) -> None:
    set_up.main()
    set_up.PYTHON.unlink()
    recorder.commands.clear()
    assert set_up.main() == 0
    assert any("venv" in command for command in recorder.commands)


def test_a_failed_step_is_named_and_leaves_nothing_that_looks_done(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.raise_at["hatchling"] = subprocess.CalledProcessError(1, ["python", "-m", "pip", "install"])
    assert set_up.main() == 1
    assert "pip install" in capsys.readouterr().err
    assert not set_up.STAMP.exists()


def test_a_venv_that_cannot_be_made_leaves_no_folder_and_tells_the_cure(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.raise_at["venv"] = subprocess.CalledProcessError(1, ["python", "-m", "venv"])
    assert set_up.main() == 1
    assert "python3-venv" in capsys.readouterr().out
    assert not set_up.VENV.exists()


def test_a_python_that_is_too_old_is_named_with_what_is_needed(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert set_up.main() == 2
    assert "3.11 or newer" in capsys.readouterr().err
    assert recorder.commands == []
