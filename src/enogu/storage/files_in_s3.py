"""Files in a bucket that speaks S3, through obstore; the key is ``prefix/<sha256>``.

An upload of several parts is visible when its last part is confirmed and not before, which is the bucket's own promise.
What a killed process leaves of one is invisible but billed: give the bucket a rule that ends unfinished uploads after a
day. obstore repeats what failed on the way (dropped connections, 5xx) for ``retry_seconds``; only then is it an error.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from enogu.errors import StorageFailed, WrongUse
from enogu.storage.files import (
    PutFile,
    StoredFile,
    checked,
    checked_range,
    clear_forgotten,
    copy_hashed,
    disk_said_in_words,
    file_aside,
    is_sha256,
    not_kept,
)

PART_BYTES = 8 * 1024 * 1024
MOST_PARTS = 9_000
"""S3 takes 10,000 parts of one upload; a Flux checkpoint of 23 GB needs larger parts than 8 MiB would give."""
CONCURRENT_PARTS = 4
"""With ``PART_BYTES``, what an upload holds in memory: 32 MiB."""
STREAM_BYTES = 1024 * 1024
RENEW_SECONDS = 3600
"""A file that was put longer ago is uploaded again when it is put again, so that ``stored_at`` is true to the hour."""
_UNREACHABLE = re.compile(r"error sending request|connect|dns|timed? ?out|tls|certificate", re.IGNORECASE)
"""In what obstore says when nobody answered; the rest it says is for programmers, too."""
_OPTIONS = {"endpoint", "region", "path_style"}


class FilesInS3:
    """The store of files in one bucket, under one prefix. See ``Files`` for what each method promises."""

    def __init__(self, store: S3Store, name: str, incoming: Path) -> None:
        """``name`` is how messages call it; ``incoming`` a folder for files on their way."""
        self._store = store
        self._name = name
        self._incoming = incoming
        self._has_cleared = False

    @classmethod
    def from_url(cls, url: str, incoming: Path, retry_seconds: float = 60) -> FilesInS3:
        """``s3://bucket/prefix?endpoint=https://host:port&region=name``. Raises WrongUse when it cannot be understood.

        With an endpoint the bucket is part of the path, as MinIO and most others have it; ``path_style=false`` makes it
        part of the host's name.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = ", ".join(sorted(set(options) - _OPTIONS))
        if not parts.netloc or parts.username or unknown:
            culprit = (
                f"has the unknown part {unknown}" if unknown else "does not name a bucket and nothing but a bucket"
            )
            raise WrongUse(
                f"ENOGU_FILES_URL {culprit}.",
                "Write s3://bucket/prefix?endpoint=https://host&region=name, with the keys in AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY.",
            )
        config: dict[str, Any] = {}
        if endpoint := options.get("endpoint"):
            config |= {"endpoint": endpoint, "virtual_hosted_style_request": options.get("path_style") == "false"}
        if region := options.get("region"):
            config["region"] = region
        prefix = unquote(parts.path).strip("/")
        store = S3Store(
            parts.netloc,
            prefix=prefix or None,
            config=config,  # pyright: ignore[reportArgumentType] (a TypedDict that it does not export)
            client_options={"allow_http": options.get("endpoint", "").startswith("http://"), "connect_timeout": "10s"},
            retry_config={"max_retries": 10, "retry_timeout": timedelta(seconds=retry_seconds)},
        )
        return cls(store, f"s3://{parts.netloc}/{prefix}".rstrip("/"), incoming)

    def put(self, chunks: Iterable[bytes], limit_bytes: int) -> PutFile:
        """Written aside on this disk, then uploaded, unless the same content was put within the hour."""
        if not self._has_cleared:
            clear_forgotten(self._incoming)
            self._has_cleared = True
        with file_aside(self._incoming) as (aside, file):

            def write(chunk: bytes) -> None:
                with disk_said_in_words(self._incoming):
                    file.write(chunk)

            put = copy_hashed(chunks, write, limit_bytes)
            with disk_said_in_words(self._incoming):
                file.close()
            if not self._is_fresh(put):
                self._upload(aside, put)
        return put

    def get(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The request is made at the call; a connection lost later is taken up again by obstore."""
        stored = self.find(sha256)
        if stored is None:
            raise not_kept(sha256)
        first, last = checked_range(sha256, stored.size_bytes, start, end)
        if first == last:
            return iter(())
        with self._said_in_words():
            try:
                result = obstore.get(self._store, sha256, options={"range": (first, last)})
            except (exceptions.NotFoundError, FileNotFoundError):
                raise not_kept(sha256) from None
            stream = result.stream(min_chunk_size=STREAM_BYTES)
        return self._read(stream)

    def find(self, sha256: str) -> StoredFile | None:
        """One HEAD request."""
        if not is_sha256(sha256):
            return None
        with self._said_in_words():
            try:
                facts = obstore.head(self._store, sha256)
            except (exceptions.NotFoundError, FileNotFoundError):
                return None
        return StoredFile(sha256, facts["size"], facts["last_modified"].astimezone(UTC))

    @contextmanager
    def local(self, sha256: str) -> Iterator[Path]:
        """A copy that is removed afterwards. Raises StorageFailed when what the bucket sends is not what was put."""
        chunks = self.get(checked(sha256))
        with file_aside(self._incoming) as (aside, file):
            hashed = hashlib.sha256()
            for chunk in chunks:
                hashed.update(chunk)
                with disk_said_in_words(self._incoming):
                    file.write(chunk)
            with disk_said_in_words(self._incoming):
                file.close()
            if hashed.hexdigest() != sha256:
                raise StorageFailed(
                    f"{self._name}/{sha256} is damaged: its content has another hash than its name.",
                    "Upload that file again, or put back the bucket's older version of it.",
                )
            yield aside

    def delete(self, sha256: str) -> None:
        """S3 does not mind when there is nothing."""
        with self._said_in_words():
            try:
                obstore.delete(self._store, checked(sha256))
            except (exceptions.NotFoundError, FileNotFoundError):
                return

    def list_files(self) -> Iterator[StoredFile]:
        """A thousand per request. Anything else under the prefix is left alone."""
        with self._said_in_words():
            pages = obstore.list(self._store, chunk_size=1000)
        while True:
            with self._said_in_words():
                page = next(pages, None)
            if page is None:
                return
            for facts in page:
                if is_sha256(facts["path"]):
                    yield StoredFile(facts["path"], facts["size"], facts["last_modified"].astimezone(UTC))

    def _is_fresh(self, put: PutFile) -> bool:
        stored = self.find(put.sha256)
        if stored is None or stored.size_bytes != put.size_bytes:
            return False
        return datetime.now(UTC) - stored.stored_at < timedelta(seconds=RENEW_SECONDS)

    def _upload(self, aside: Path, put: PutFile) -> None:
        part_bytes = max(PART_BYTES, math.ceil(put.size_bytes / MOST_PARTS))
        with self._said_in_words():
            obstore.put(
                self._store,
                put.sha256,
                aside,
                use_multipart=put.size_bytes > part_bytes,
                chunk_size=part_bytes,
                max_concurrency=CONCURRENT_PARTS,
            )

    def _read(self, stream: Iterator[Any]) -> Iterator[bytes]:
        while True:
            with self._said_in_words():
                chunk = next(stream, None)
            if chunk is None:
                return
            yield bytes(chunk)

    @contextmanager
    def _said_in_words(self) -> Iterator[None]:
        """What the bucket refuses becomes StorageFailed with the cure."""
        try:
            yield
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise StorageFailed(
                f"{self._name} refuses the key it was given.",
                "See that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are right and may read, write, list and delete.",
            ) from error
        except (exceptions.NotFoundError, FileNotFoundError) as error:
            raise StorageFailed(f"{self._name} has no such bucket.", "Create it, or change ENOGU_FILES_URL.") from error
        except (exceptions.BaseError, OSError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            if _UNREACHABLE.search(str(error)):
                raise StorageFailed(
                    f"{self._name} cannot be reached.",
                    "See that ENOGU_FILES_URL names the right endpoint, that it runs, and that a firewall lets it by.",
                ) from error
            raise StorageFailed(
                f"{self._name} does not answer as it should: {lines[0][:300].rstrip('.')}.",
                "See that ENOGU_FILES_URL names the right endpoint and that it runs, then try again.",
            ) from error
