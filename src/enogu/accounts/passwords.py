"""Passwords: argon2id, a few at a time.

A hash costs memory on purpose: 19 MiB and two passes, one of the settings that OWASP's password storage cheat sheet
calls equal in strength. The larger ones would not fit: the server is to stay under 150 MB, and two hashes may run at
once. Who waits for longer than some seconds is sent away, since the threads that wait here are those that answer
everybody else. A password is compared in the form NFKC, so that it can be typed on another keyboard.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from enogu.accounts.entities import PasswordRefused, TooManyAttempts

SHORTEST = 8
LONGEST = 256
AT_ONCE = 2
WAIT_SECONDS = 5.0

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
_turns = threading.BoundedSemaphore(AT_ONCE)


def hash_password(password: str, name: str) -> str:
    """The hash to keep for a new password of ``name``'s. Takes some hundredths of a second: call it outside of a
    transaction. Raises PasswordRefused with the rule it breaks, TooManyAttempts when too many wait.
    """
    typed = _normal(password)
    if len(typed) < SHORTEST:
        raise PasswordRefused(
            f"The password has {len(typed)} characters; it needs at least {SHORTEST}.",
            "Take a longer one; a few words in a row are easy to remember.",
        )
    if len(typed) > LONGEST:
        raise PasswordRefused(f"The password has over {LONGEST} characters.", "Take a shorter one.")
    if typed.casefold() == _normal(name).casefold() or len(set(typed)) < 3:
        raise PasswordRefused(
            "The password is the name itself, or one or two characters over and over.", "Take one that is not guessed."
        )
    return hash_again(typed)


def new_password() -> str:
    """A password of chance, for somebody to sign in with once and then to change: 16 letters and digits in fours."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
    fours = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
    return "-".join(fours)


def hash_again(password: str) -> str:
    """A new hash of a password that is in use already, whatever the rules are by now."""
    with _a_turn():
        return _hasher.hash(_bytes(_normal(password)))


def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Takes as long when there is no hash, so that nobody learns from the time it takes
    whether a name exists. Raises TooManyAttempts when too many wait.
    """
    typed = _normal(password)[: LONGEST + 1]
    with _a_turn():
        try:
            return _hasher.verify(password_hash or _nobodys_hash(), _bytes(typed)) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other costs than today's and should be made anew at the next sign-in."""
    return _hasher.check_needs_rehash(password_hash)


@contextmanager
def _a_turn() -> Iterator[None]:
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise TooManyAttempts(
            "Too many people are signing in at this moment.", "Try again in a few seconds.", retry_after_seconds=5
        )
    try:
        yield
    finally:
        _turns.release()


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(b"nobody has this password")


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _bytes(typed: str) -> bytes:
    return typed.encode("utf-8", "surrogatepass")
