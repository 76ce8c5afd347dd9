"""A file of the store as an answer: whole or in part, with its hash as ETag, of a kind that harms nobody.

What strangers uploaded is shown as pictures, and as nothing else: only the kinds below are sent under their own name,
all others as bytes to be saved. A strict Content-Security-Policy of its own keeps even a picture that a browser takes
for a page from doing anything.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from enogu.delivery.names import content_disposition
from enogu.delivery.ranges import RangeUnsatisfiable, parse_range
from enogu.storage.files import Files, not_kept

PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp", "image/tiff"})
SHOWN = PICTURES | {"application/json", "application/zip", "text/plain; charset=utf-8"}
BYTES = "application/octet-stream"

FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
FILE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Cookie, Authorization",  # two people at one browser have two caches
}


def file_answer(
    request: Request,
    files: Files,
    sha256: str,
    media_type: str,
    *,
    download_name: str | None = None,
    is_immutable: bool = True,
) -> Response:
    """One file: 200, 206 for a range, 304 when the browser has it already, 416 for a range behind its end.

    With ``download_name`` the browser saves it under that name, else it may show it. ``is_immutable=False`` where the
    same URL may mean another file tomorrow (a thumbnail that follows the crop). Raises NotFound, StorageFailed.
    """
    stored = files.find(sha256)
    if stored is None:
        raise not_kept(sha256)
    kind = media_type if media_type in SHOWN else BYTES
    if kind == BYTES and download_name is None:
        download_name = sha256[:16]
    etag = f'"{sha256}"'
    headers = {
        **FILE_HEADERS,
        "ETag": etag,
        "Cache-Control": FOR_EVER if is_immutable else ASK_AGAIN,
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(download_name),
    }
    if _names_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    start, end, status = 0, stored.size_bytes, 200
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range", etag).strip() == etag:
        try:
            part = parse_range(wanted, stored.size_bytes)
        except RangeUnsatisfiable:
            headers["Content-Range"] = f"bytes */{stored.size_bytes}"
            headers["Cache-Control"] = "no-store"
            return Response(status_code=416, headers=headers)
        if part is not None:
            (start, end), status = part, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size_bytes}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=200, headers=headers, media_type=kind)
    return StreamingResponse(_pieces(files, sha256, start, end), status, headers, kind)


def _pieces(files: Files, sha256: str, start: int, end: int) -> Any:
    """Nothing is opened before the first piece is wanted, so that an answer nobody reads holds nothing open."""
    yield from files.get(sha256, start, end)


def _names_etag(header: str | None, etag: str) -> bool:
    """``If-None-Match`` compares weakly: W/ does not matter."""
    if header is None:
        return False
    named = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in named or etag in named
