"""How often one account may call for what costs the server much, counted in this process's memory.

    _LIMIT = CallLimit("export", "12 per hour")        # once per module
    _LIMIT.count(door, caller)                         # in the route; raises TooManyAttempts: 429 with Retry-After

A studio on loopback counts nothing: its one person is only slowed by their own machine.
"""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import TYPE_CHECKING

from enogu.accounts.asking import Door
from enogu.accounts.entities import Caller, TooManyAttempts

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import SlidingWindowCounterRateLimiter


class CallLimit:
    """One kind of call, and how often it may come from each account."""

    def __init__(self, kind: str, rate: str) -> None:
        """``rate`` in the words that ``limits.parse`` reads, such as ``60 per minute``."""
        self._kind = kind
        self._words = rate

    @cached_property
    def _rate(self) -> RateLimitItem:
        from limits import parse

        return parse(self._words)

    @cached_property
    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        """Made with the first call: a studio where nobody signs in starts without the library."""
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        return SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, door: Door, caller: Caller) -> None:
        """Count one call. Raises TooManyAttempts with the wait."""
        if door.sign_in == "loopback" or self._limiter.hit(self._rate, self._kind, caller.account.id):
            return
        reset_at = self._limiter.get_window_stats(self._rate, self._kind, caller.account.id).reset_time
        wait_seconds = max(1, math.ceil(reset_at - time.time()))
        raise TooManyAttempts(
            f"This was asked for more often than {self._rate}.",
            f"Wait {wait_seconds} seconds and try again.",
            retry_after_seconds=wait_seconds,
        )
