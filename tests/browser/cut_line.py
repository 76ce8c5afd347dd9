"""A line between browser and studio that can be slow, and cut: a relay that closes every connection and takes none."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 64 * 1024
CUT_OFF = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    "ERR_EMPTY_RESPONSE",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONTENT_LENGTH_MISMATCH",  # in the middle of a picture
    "ERR_SOCKET_NOT_CONNECTED",
)
"""What the console may say of a line that is cut."""


class Line:
    """``url`` is the studio's, as seen through this line."""

    def __init__(self, port: int, bytes_per_second: int) -> None:
        self._to = port
        self._bytes_per_second = bytes_per_second
        self._is_cut = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks off where it is, and new ones break off at once."""
        self._is_cut = True
        for one in self._open:
            with suppress(OSError):  # a reset: a browser that sends does not read a polite goodbye
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RD)
            one.close()
        self._open.clear()

    def mend(self) -> None:
        """Connections are taken again."""
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                if self._is_cut:
                    browser.close()
                    continue
                studio = socket.create_connection(("127.0.0.1", self._to))
                self._open += [browser, studio]
                for source, target, pause in ((browser, studio, True), (studio, browser, False)):
                    threading.Thread(target=self._relay, args=(source, target, pause), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, is_slow: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if is_slow:
                    time.sleep(len(piece) / self._bytes_per_second)
                target.sendall(piece)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_line(port: int, bytes_per_second: int) -> Iterator[Line]:
    """A line to the studio on that port."""
    line = Line(port, bytes_per_second)
    try:
        yield line
    finally:
        line.close()
