"""The browser app as files: hashed ones for ever, its page with a fresh nonce for every answer.

Vite writes ``enogu/web_app``; without it (a checkout in which it was never built) a small page of our own says how to
go on. Addresses of the app that are no files are answered with its page, so that a copied link works; addresses of the
API never are.
"""

from __future__ import annotations

import mimetypes
import secrets
from functools import cache
from pathlib import Path, PurePosixPath

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from enogu.server.frame import SECURITY_HEADERS

FOLDER = Path(__file__).parent.parent / "web_app"
NONCE_MARK = "{{csp_nonce}}"
PACKED = {"br": ".br", "gzip": ".gz"}
"""Beside a file: the same, packed once when the app was built, the smallest first. Browsers take Brotli over TLS and
from their own machine.
"""
_HASHED = "assets/"
_NOT_SERVED = {"index.html", "built-from.txt", "first-load.json"}
_TYPES = {".webmanifest": "application/manifest+json", ".js": "text/javascript", ".svg": "image/svg+xml"}


def serve_web_app(app: FastAPI, folder: Path = FOLDER) -> None:
    """Answer with the app's files and page whatever no route of ``app`` answers."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    page = (folder / "index.html").read_text(encoding="utf-8") if "index.html" in names else _OWN_PAGE
    served = {name for name in names if not name.endswith(tuple(PACKED.values()))} - _NOT_SERVED
    # A page is twenty files or more, and a file of disk costs ten times one of memory; all of them are two megabytes.
    read = cache(Path.read_bytes)

    async def web_app(scope: Scope, receive: Receive, send: Send) -> None:
        """A file of the app by a name that is known, or the app's page."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(404, "there is no such page")
        address = scope["path"].lstrip("/")
        headers = Headers(scope=scope)
        accepted = headers.get("accept", "*/*")
        if address in served:
            taken = headers.get("accept-encoding", "")
            way = next((one for one, end in PACKED.items() if one in taken and address + end in names), None)
            answer = _file(read(folder / (address + PACKED.get(way or "", ""))), address, way)
        elif _is_page(address) and ("text/html" in accepted or "*/*" in accepted):
            answer = _page(page)
        else:
            raise HTTPException(404, "there is no such page")
        await answer(scope, receive, send)

    app.router.default = web_app


def _is_page(address: str) -> bool:
    """Whether an address may be one of the app's own: not the API's, and no file's."""
    return address.split("/")[0] not in ("api", "assets") and not PurePosixPath(address).suffix


def _file(content: bytes, address: str, packed: str | None) -> Response:
    kind = _TYPES.get(PurePosixPath(address).suffix) or mimetypes.guess_type(address)[0] or "application/octet-stream"
    is_hashed = address.startswith(_HASHED)
    caching = "public, max-age=31536000, immutable" if is_hashed else "public, max-age=600"
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    if packed is not None:
        headers["Content-Encoding"] = packed
    return Response(content, media_type=kind, headers=headers)


def _page(page: str) -> Response:
    """Styles that the app's components write at run time carry the nonce; nothing else inline is allowed."""
    nonce = secrets.token_urlsafe(18)
    policy = f"{SECURITY_HEADERS['Content-Security-Policy']}; style-src 'self' 'nonce-{nonce}'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return HTMLResponse(page.replace(NONCE_MARK, nonce), headers=headers)


_OWN_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Enogu 絵の具</title>
<style nonce="{NONCE_MARK}">
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.7 "Noto Sans JP", sans-serif; max-width: 40rem; margin: 12vh auto; padding: 0 1rem;
  background: light-dark(#FAF9F7, #151514); color: light-dark(#1F1E1C, #ECEAE5); }}
code {{ background: light-dark(#F2F0ED, #272624); padding: .1em .4em; border-radius: 4px; }}
a {{ color: light-dark(#3458A4, #7EA5F1); }}
</style>
</head>
<body>
<h1>Enogu 絵の具</h1>
<p>The studio runs. The browser app is not built in this checkout: <code>make setup</code> builds it.
Everything it does can be done from the command line (<code>enogu --help</code>) and over the
<a href="/openapi.json">API</a>.</p>
<p lang="ja">スタジオは動いています。このチェックアウトではブラウザー画面がまだ作られていません。
<code>make setup</code> で作られます。
コマンドライン(<code>enogu --help</code>)と <a href="/openapi.json">API</a> からは、すべての操作ができます。</p>
</body>
</html>
"""
