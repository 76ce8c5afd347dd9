"""Check the browser app: types, lint, unit tests. With the same Node and packages that build it."""

import subprocess
import sys

import build_web

CHECKS = ("types", "lint", "test")


def main() -> int:
    """Run every check; 0 when all pass."""
    build_web.build()
    npm = build_web.npm_command()
    for check in CHECKS:
        print(f"[web] {check}", flush=True)
        done = subprocess.run([*npm, "run", "--silent", check], cwd=str(build_web.WEB), check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
