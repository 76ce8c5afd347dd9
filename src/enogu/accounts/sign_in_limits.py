"""How often somebody may try to sign in, counted in this process's memory.

Three windows at once: one name from one address (a person who mistypes), one address (a program that tries many names),
one name from everywhere (many programs that try one). The last is wide, else anybody could lock anybody out. A studio
of several server processes counts in each by itself, which multiplies the numbers and changes nothing in kind.
"""

from __future__ import annotations

import ipaddress
import math
import time
from functools import cached_property
from typing import TYPE_CHECKING

from enogu.accounts.entities import TooManyAttempts

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter


class SignInLimits:
    """The counters of one server process."""

    def __init__(
        self, pair: str = "10 per 5 minutes", address: str = "60 per 15 minutes", name: str = "200 per hour"
    ) -> None:
        """Each limit in the words that ``limits.parse`` reads."""
        self._words = (pair, address, name)

    @cached_property
    def _limiter(self) -> MovingWindowRateLimiter:
        """Made with the first try: a studio where nobody signs in starts without the library."""
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        return MovingWindowRateLimiter(MemoryStorage())

    @cached_property
    def _limits(self) -> tuple[RateLimitItem, ...]:
        from limits import parse

        return tuple(parse(words) for words in self._words)

    def count_attempt(self, name: str, address: str) -> None:
        """Count one try, right or wrong, before the password is looked at. Raises TooManyAttempts with the wait."""
        self._count(self._windows(name, address))

    def count_visit(self, address: str) -> None:
        """Count one way to or from an OpenID provider, where nobody can guess: by address alone, since there is no
        name yet, and a circle behind one address signs in on one evening. Raises TooManyAttempts with the wait.
        """
        self._count([self._windows("", address)[1]])

    def _count(self, windows: list[tuple[RateLimitItem, tuple[str, ...]]]) -> None:
        for limit, key in windows:
            if not self._limiter.hit(limit, *key):
                reset_at = self._limiter.get_window_stats(limit, *key).reset_time
                wait_seconds = max(1, math.ceil(reset_at - time.time()))
                raise TooManyAttempts(
                    "There were too many tries to sign in.",
                    f"Wait {_minutes(wait_seconds)} and try again.",
                    retry_after_seconds=wait_seconds,
                )

    def forgive(self, name: str, address: str) -> None:
        """After a right password: forget this name's tries from this address, and from nowhere else."""
        limit, key = self._windows(name, address)[0]
        self._limiter.clear(limit, *key)

    def _windows(self, name: str, address: str) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
        network = network_of(address)
        keys = (("pair", name, network), ("address", network), ("name", name))
        return list(zip(self._limits, keys, strict=True))


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, which one household has all of."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def _minutes(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minutes" if minutes > 1 else "a minute"
