"""Check the browser app: its API types are fresh, types, lint, unit tests. With the same Node that builds it."""

import subprocess
import sys
import tempfile
from pathlib import Path

import build_web

CHECKS = ("types", "lint", "test")
SCHEMA = build_web.WEB / "src" / "api" / "schema.ts"


def main() -> int:
    """Run every check; 0 when all pass."""
    build_web.build()
    npm = build_web.npm_command()
    if not is_schema_fresh(npm):
        print("[web] src/api/schema.ts is not what docs/openapi.json says: run `npm run api` in web/", file=sys.stderr)
        return 1
    for check in CHECKS:
        print(f"[web] {check}", flush=True)
        done = subprocess.run([*npm, "run", "--silent", check], cwd=str(build_web.WEB), check=False)
        if done.returncode:
            return done.returncode
    return 0


def is_schema_fresh(npm: list[str]) -> bool:
    """Whether the committed types of the API are what the committed OpenAPI file gives."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "schema.ts"
        command = [*npm, "exec", "--", "openapi-typescript", "../docs/openapi.json", "-o", str(made)]
        subprocess.run(command, cwd=str(build_web.WEB), check=True, stdout=subprocess.DEVNULL)
        return made.read_text(encoding="utf-8") == SCHEMA.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
