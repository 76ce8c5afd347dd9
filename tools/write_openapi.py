"""Write docs/openapi.json, the API's description as it is committed; with ``--check`` only say whether it is fresh.

    .venv/bin/python tools/write_openapi.py && npm --prefix web run api

The second command makes the page's types from it. Run both when a route, a field or a docstring of one changed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

PATH = Path(__file__).parent.parent / "docs" / "openapi.json"


def written() -> str:
    """The document's text, from the app as it is put together."""
    from enogu.bootstrap import open_studio
    from enogu.server.app import create_app
    from enogu.settings import Settings

    with tempfile.TemporaryDirectory(prefix="enogu-openapi-") as folder:
        studio = open_studio(Settings(Path(folder)))
        try:
            document = create_app(studio).openapi()
        finally:
            studio.close()
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """0 when the file is fresh, or was written."""
    text = written()
    if "--check" in sys.argv[1:]:
        is_fresh = PATH.is_file() and PATH.read_text(encoding="utf-8") == text
        if not is_fresh:
            print("docs/openapi.json is not what the routes say: run tools/write_openapi.py.", file=sys.stderr)
        return 0 if is_fresh else 1
    PATH.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
