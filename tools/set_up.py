"""Make ``.venv``, install what ``constraints.txt`` pins, build the browser app; do nothing when that is already done.

One script for Linux, macOS and Windows, with the standard library alone, since nothing is installed yet when it runs
(and written so that an older Python can read far enough to say that it is too old). Plain ``venv`` and ``pip``: no
tool has to be installed first.

Done is a stamp inside ``.venv`` that holds a hash of ``pyproject.toml`` and ``constraints.txt``. It is removed before
the first change and written after the last one, and a second file marks work under way: a set-up that was
interrupted may have left packages half unpacked, which pip would believe whole, so that ``.venv`` is made anew.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "enogu-set-up.txt"
UNFINISHED = VENV / "enogu-set-up-unfinished"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BUILD_TOOLS = ("hatchling", "editables", "setuptools")
"""What builds our own package, and pyvips, which comes as source; installed first, from the same pins, so that pip
fetches no build tool of its own. A venv's own setuptools is too old to make a wheel."""


def main() -> int:
    """Bring ``.venv`` up to date. 0: done; 1: a step failed, after saying which; 2: this Python is too old."""
    if sys.version_info < (3, 11):  # noqa: UP036 (an older Python may well be what runs this)
        return _fail(f"Enogu needs Python 3.11 or newer; this is {sys.version.split()[0]}, {sys.executable}.", 2)
    wanted = _wanted()
    try:
        if not _is_done(wanted):
            _install(wanted)
        _run(str(PYTHON), "tools/build_web.py")  # quick when nothing changed
    except subprocess.CalledProcessError as error:
        step = " ".join(str(part) for part in error.cmd[1:6])
        return _fail(f"Set-up stopped at: {step} … The lines above say why; run it again when that is cured.")
    except KeyboardInterrupt:
        return _fail("Set-up was interrupted; the next one starts over.")
    return 0


def _wanted() -> str:
    """What the stamp must say: a hash of both files and of where this folder is."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        # Line ends as git may have changed them on Windows do not count.
        digest.update((ROOT / name).read_bytes().replace(b"\r\n", b"\n") + b"\0")
    # A copy of the folder elsewhere has another place in its editable install and its scripts.
    digest.update(str(ROOT).encode())
    return digest.hexdigest()


def _is_done(wanted: str) -> bool:
    """Whether the stamp says so and the venv's Python is still there."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8").strip() == wanted


def _install(wanted: str) -> None:
    if UNFINISHED.exists() or (VENV.exists() and not _works()):
        shutil.rmtree(VENV)
    if not VENV.exists():
        _say(f"Making .venv with Python {sys.version.split()[0]}")
        try:
            _run(sys.executable, "-m", "venv", str(VENV))
        except subprocess.CalledProcessError:
            shutil.rmtree(VENV, ignore_errors=True)
            _say("If it says that ensurepip is missing: apt install python3-venv (Debian, Ubuntu).")
            raise
    UNFINISHED.touch()
    STAMP.unlink(missing_ok=True)
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-c", "constraints.txt")
    _say("Installing what constraints.txt pins (about 1.5 GB unpacked; a minute or two, more on a slow line)")
    _run(*pip, *BUILD_TOOLS)
    _run(*pip, "--no-build-isolation", "--editable", ".[dev]")
    STAMP.write_text(wanted + "\n", encoding="utf-8")
    UNFINISHED.unlink()
    _say("Python's packages are in place.")


def _works() -> bool:
    """Whether the venv's Python starts and has pip; not so when the Python it was made from is gone."""
    if not PYTHON.exists():
        return False
    check = subprocess.run([str(PYTHON), "-c", "import pip"], check=False, capture_output=True)
    return check.returncode == 0


def _run(*command: str) -> None:
    subprocess.run(command, cwd=str(ROOT), check=True)


def _say(text: str) -> None:
    print(f"[set-up] {text}", flush=True)


def _fail(text: str, code: int = 1) -> int:
    print(f"[set-up] {text}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
