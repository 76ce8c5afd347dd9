"""The nouns of accounts, and what can be refused in their name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from enogu.errors import EnoguError, WrongUse

DEFAULT_PLAN = "free"
"""The stamina plan of a new account; what a plan gives is for ``stamina`` to say."""
LOOPBACK_NAME = "owner"
"""What the one person of a studio without sign-in is called until they choose a name."""

CallerKind = Literal["loopback", "session", "api_token"]


@dataclass(frozen=True)
class Account:
    """One person, or one program that acts as a person."""

    id: str
    name: str
    """As it was written. Two names that differ only in case or width are the same name."""
    is_admin: bool
    plan_name: str
    has_password: bool
    """False for the owner of a studio on loopback, and for who comes from an OpenID provider."""
    created_at: datetime


@dataclass(frozen=True)
class Credentials:
    """What a password is checked against. Never leaves the server; ``repr`` does not show the hash."""

    account: Account
    password_hash: str | None

    def __repr__(self) -> str:
        return f"Credentials(account={self.account.id})"


@dataclass(frozen=True)
class SignedIn:
    """One browser that is signed in: a row that can be taken back."""

    id: str
    account_id: str
    described: str
    """What the browser said it was; for the person's own list of sign-ins."""
    created_at: datetime
    seen_at: datetime
    """Of the last use, true to ``service.TOUCH_SECONDS``."""
    expires_at: datetime


@dataclass(frozen=True)
class OpenIdSignIn:
    """What is remembered of a sign-in while the person is at the provider. ``repr`` shows none of it."""

    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    """PKCE's secret (RFC 7636): only who began can finish."""
    account_id: str | None
    """Somebody who is signed in and wants this way in as well; None for everybody else."""


@dataclass(frozen=True)
class OpenIdIdentity:
    """Who the provider says somebody is."""

    issuer: str
    subject: str
    name: str
    """What they are called there, as a wish for their name here."""


@dataclass(frozen=True)
class ApiToken:
    """A named key for scripts. Its secret was shown once, when it was made."""

    id: str
    account_id: str
    name: str
    created_at: datetime
    seen_at: datetime | None
    expires_at: datetime | None
    """None means that it holds until it is taken back."""


@dataclass(frozen=True)
class NewToken:
    """A secret, in the only moment in which it is known; ``repr`` does not show it."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"NewToken(id={self.id})"


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and by what right."""

    account: Account
    kind: CallerKind
    key_id: str | None = None
    """Of the SignedIn or ApiToken; None on loopback."""
    is_stale: bool = False
    """Whether this use should be noted (``service.note_use``); at most once an hour, so that reading stays reading."""


class SignInNeeded(EnoguError):
    """Nobody is signed in, or the session or token was taken back or has run out."""


class SignInRefused(EnoguError):
    """Name and password do not belong together. Which of the two is wrong is not said."""


class NotAllowed(EnoguError):
    """The caller is known and may not do this."""


class TooManyAttempts(EnoguError):
    """Too many tries in too short a time."""

    def __init__(self, message: str, cure: str = "", retry_after_seconds: int = 60) -> None:
        super().__init__(message, cure)
        self.retry_after_seconds = retry_after_seconds


class OpenIdUnavailable(EnoguError):
    """The OpenID provider does not answer, or not as it should."""


class NameRefused(WrongUse):
    """A name that nobody can have, or that somebody has."""


class PasswordRefused(WrongUse):
    """A new password that is too easily guessed, or too long."""
