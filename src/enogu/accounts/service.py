"""Who is asking: accounts, signing in and out, tokens for scripts, and everything that one person owns (A1, J3).

A studio opens in one of two ways. On loopback there is no signing in: whoever reaches it is ``find_loopback_owner``,
the administrator who was there first. Otherwise a person shows name and password once and then a session's token, or a
script its API token; both are random, kept as sha256, and can be taken back at any moment.

Signing in is three calls, so that no transaction is open while a password is hashed, which takes long on purpose:
``find_credentials`` (reading), ``passwords.matches``, ``open_session`` (writing). Counting tries is the edge's part,
before all three (``SignInLimits``).
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from enogu.accounts import store
from enogu.accounts.entities import (
    DEFAULT_PLAN,
    LOOPBACK_NAME,
    Account,
    ApiToken,
    Caller,
    Credentials,
    NameRefused,
    NewToken,
    NotAllowed,
    OpenIdIdentity,
    OpenIdSignIn,
    SignedIn,
    SignInNeeded,
    SignInRefused,
)
from enogu.accounts.openid import Beginning
from enogu.accounts.owned_data import ExportedFile, ExportedRecord, OwnedData
from enogu.errors import NotFound, WrongUse
from enogu.storage.database import Session, take_turns

SESSION_IDLE = timedelta(days=30)
"""A session that nobody used for so long has run out."""
SESSION_LONGEST = timedelta(days=180)
"""However much it is used."""
TOUCH_SECONDS = 3600
"""Uses within an hour of a noted one are not noted."""
OPENID_LONGEST = timedelta(minutes=10)
"""How long somebody may take at the provider."""
MOST_API_TOKENS = 50
MOST_LISTED = 200

_SESSION_PREFIX = "enogu_s_"
_API_PREFIX = "enogu_t_"  # prefixes tell the kinds apart, and let scanners find a token that was published by mistake
_ADMINS = "accounts: administrators"


# ---- who is asking ---------------------------------------------------------------------------------------------------


def find_loopback_owner(session: Session) -> Caller | None:
    """The one person of a studio without sign-in; None before ``ensure_loopback_owner``."""
    account = store.find_first_admin(session)
    return None if account is None else Caller(account, "loopback")


def ensure_loopback_owner(session: Session, now: datetime) -> Caller:
    """The one person of a studio without sign-in, made at the first start. What they own is theirs, too, when the
    studio is later opened with passwords: ``create_first_admin`` gives that account its name and password.
    """
    take_turns(session, _ADMINS)
    account = store.find_first_admin(session)
    if account is None:
        account = _add(session, LOOPBACK_NAME, None, is_admin=True, plan_name=DEFAULT_PLAN, now=now)
    return Caller(account, "loopback")


def find_caller(session: Session, token: str, now: datetime) -> Caller | None:
    """Who shows this session token or API token; None when it is unknown, was taken back or has run out."""
    if token.startswith(_SESSION_PREFIX):
        found = store.find_session(session, _sha256(token), now)
        if found is not None:
            return Caller(found[1], "session", found[0].id, _is_stale(found[0].seen_at, now))
    elif token.startswith(_API_PREFIX):
        known = store.find_api_token(session, _sha256(token), now)
        if known is not None:
            return Caller(known[1], "api_token", known[0].id, _is_stale(known[0].seen_at, now))
    return None


def get_caller(session: Session, token: str, now: datetime) -> Caller:
    """``find_caller``, or SignInNeeded."""
    caller = find_caller(session, token, now)
    if caller is None:
        raise SignInNeeded("You are not signed in, or no longer.", "Sign in, or send a token that holds.")
    return caller


def note_use(session: Session, caller: Caller, now: datetime) -> None:
    """Prolong a session, or note an API token's use. For callers whose ``is_stale`` is true."""
    if caller.key_id is None:
        return
    if caller.kind == "api_token":
        store.touch_api_token(session, caller.key_id, now)
        return
    own = [one for one in store.list_sessions(session, caller.account.id, now) if one.id == caller.key_id]
    for one in own:
        store.touch_session(session, one.id, now, min(now + SESSION_IDLE, one.created_at + SESSION_LONGEST))


def require_admin(caller: Caller) -> None:
    """Raises NotAllowed."""
    if not caller.account.is_admin:
        raise NotAllowed("Only an administrator may do this.", "Ask the administrator of this studio.")


# ---- signing in ------------------------------------------------------------------------------------------------------


def find_credentials(session: Session, name: str) -> Credentials | None:
    """What this name's password is checked against; None when nobody has the name, or can have it."""
    try:
        return store.find_credentials(session, name_key(checked_name(name)))
    except NameRefused:
        return None


def open_session(session: Session, account_id: str, now: datetime, described: str = "") -> NewToken:
    """Sign a browser in. ``described`` is what it says it is; anything unprintable and all over 200 is left out."""
    token = _SESSION_PREFIX + secrets.token_urlsafe(32)
    shown = "".join(letter for letter in described if letter.isprintable())[:200]
    session_id = store.add_session(
        session,
        account_id=account_id,
        token_sha256=_sha256(token),
        described=shown,
        now=now,
        expires_at=now + SESSION_IDLE,
    )
    return NewToken(session_id, token)


def list_sessions(session: Session, account_id: str, now: datetime) -> tuple[SignedIn, ...]:
    """Where somebody is signed in, newest first."""
    return store.list_sessions(session, account_id, now)


def close_session(session: Session, account_id: str, session_id: str) -> None:
    """Sign one browser out. Raises NotFound when it is not this account's."""
    if not store.delete_session(session, account_id, session_id):
        raise NotFound("There is no such sign-in.", "It may have ended already.")


def close_sessions(session: Session, account_id: str, except_id: str | None = None) -> int:
    """Sign out everywhere, but for one; how many there were."""
    return store.delete_sessions(session, account_id, except_id)


def revoke_keys(session: Session, account_id: str) -> int:
    """Sign somebody out everywhere and take all their API tokens back; how many there were."""
    tokens = store.list_api_tokens(session, account_id)
    for one in tokens:
        store.delete_api_token(session, account_id, one.id)
    return len(tokens) + store.delete_sessions(session, account_id, None)


def sweep_expired(session: Session, now: datetime) -> int:
    """Delete what has run out; how many rows. For a task that runs now and then."""
    return store.delete_expired(session, now)


# ---- API tokens ------------------------------------------------------------------------------------------------------


def create_api_token(
    session: Session, account_id: str, name: str, now: datetime, expires_at: datetime | None = None
) -> NewToken:
    """A key for scripts. Its secret is in the answer and nowhere else. Raises WrongUse when there are too many."""
    if expires_at is not None and expires_at <= now:
        raise WrongUse("The token would have run out already.", "Choose a later time, or none.")
    take_turns(session, f"accounts: tokens of {account_id}")
    if len(store.list_api_tokens(session, account_id)) >= MOST_API_TOKENS:
        raise WrongUse(f"There are {MOST_API_TOKENS} tokens already.", "Take back those that are no longer used.")
    token = _API_PREFIX + secrets.token_urlsafe(32)
    token_id = store.add_api_token(
        session,
        account_id=account_id,
        token_sha256=_sha256(token),
        name=checked_name(name, spaces=True),
        now=now,
        expires_at=expires_at,
    )
    return NewToken(token_id, token)


def list_api_tokens(session: Session, account_id: str) -> tuple[ApiToken, ...]:
    """Newest first, without their secrets."""
    return store.list_api_tokens(session, account_id)


def revoke_api_token(session: Session, account_id: str, token_id: str) -> None:
    """Take it back, at once. Raises NotFound when it is not this account's."""
    if not store.delete_api_token(session, account_id, token_id):
        raise NotFound("There is no such token.", "It may have been taken back already.")


# ---- accounts --------------------------------------------------------------------------------------------------------


def needs_first_admin(session: Session) -> bool:
    """Whether nobody can sign in as administrator yet."""
    return store.count_admins(session, with_password=True) == 0


def create_first_admin(session: Session, name: str, password_hash: str, now: datetime) -> Account:
    """The first administrator with a password: the owner from loopback days if there is one, else a new account.

    Raises NotAllowed when there is one already, NameRefused. ``password_hash`` is ``passwords.hash_password``'s.
    """
    take_turns(session, _ADMINS)
    if not needs_first_admin(session):
        raise NotAllowed(
            "This studio has an administrator.", "Sign in as that one, or use `enogu admin` on the machine itself."
        )
    owner = store.find_first_admin(session)
    if owner is None:
        return _add(session, name, password_hash, is_admin=True, plan_name=DEFAULT_PLAN, now=now)
    shown = checked_name(name)
    if not store.change_account(session, owner.id, name=shown, name_key=name_key(shown), password_hash=password_hash):
        raise _name_taken(shown)
    return get_account(session, owner.id)


def create_account(
    session: Session,
    name: str,
    password_hash: str | None,
    now: datetime,
    *,
    is_admin: bool = False,
    plan_name: str = DEFAULT_PLAN,
) -> Account:
    """A new account. Raises NameRefused. Without a password nobody can sign in to it by name."""
    return _add(session, name, password_hash, is_admin=is_admin, plan_name=plan_name, now=now)


def get_account(session: Session, account_id: str) -> Account:
    """Raises NotFound."""
    account = store.find_account(session, account_id)
    if account is None:
        raise NotFound("There is no such account.", "It may have been deleted.")
    return account


def get_account_named(session: Session, name: str) -> Account:
    """By name, whatever its case and width. Raises NotFound."""
    found = find_credentials(session, name)
    if found is None:
        raise NotFound(f"Nobody here is called '{name}'.", "`enogu admin list` shows all accounts.")
    return found.account


def list_accounts(session: Session, after: str | None = None, limit: int = 50, search: str = "") -> tuple[Account, ...]:
    """A page, oldest first; the next one begins ``after`` the last id of this one. ``search``: a part of the name."""
    return store.list_accounts(session, after, max(1, min(limit, MOST_LISTED)), name_key(search))


def set_password(session: Session, account_id: str, password_hash: str, keep_session_id: str | None = None) -> None:
    """A new password signs out everywhere but here. API tokens stay. Raises NotFound."""
    if not store.change_account(session, account_id, password_hash=password_hash):
        get_account(session, account_id)
    store.delete_sessions(session, account_id, keep_session_id)


def renew_hash(session: Session, account_id: str, password_hash: str) -> None:
    """The same password hashed at today's cost, after a sign-in (``passwords.is_outdated``)."""
    store.change_account(session, account_id, password_hash=password_hash)


def set_plan(session: Session, account_id: str, plan_name: str) -> None:
    """Which stamina plan somebody is on; whether there is one of that name is the caller's to know. Raises NotFound."""
    if not store.change_account(session, account_id, plan_name=plan_name):
        get_account(session, account_id)


def set_admin(session: Session, account_id: str, is_admin: bool) -> None:
    """Raises NotFound, or NotAllowed when nobody would be left to administer the studio."""
    take_turns(session, _ADMINS)
    account = get_account(session, account_id)
    if not is_admin:
        _keep_an_admin(session, account)
    store.change_account(session, account_id, is_admin=is_admin)


# ---- everything that one person owns (J3) ----------------------------------------------------------------------------


def export_everything(
    session: Session, account_id: str, kinds: Sequence[OwnedData]
) -> Iterator[ExportedRecord | ExportedFile]:
    """Every row and file of one owner's, piece by piece. ``kinds`` as ``owned_data`` says. Raises NotFound."""
    get_account(session, account_id)
    return (piece for kind in kinds for piece in _of_its_slice(kind, kind.export(session, account_id)))


def delete_account(session: Session, account_id: str, kinds: Sequence[OwnedData]) -> None:
    """Delete everything of one owner's, then the account. All or nothing: it is one transaction.

    Raises NotFound, NotAllowed for the last administrator, and what a slice raises that cannot let go just now.
    """
    take_turns(session, _ADMINS)
    _keep_an_admin(session, get_account(session, account_id))
    for kind in kinds:
        kind.delete(session, account_id)
    store.delete_account(session, account_id)


class AccountData:
    """What this slice itself keeps for an owner; last in the tuple of kinds."""

    slice_name = "accounts"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """The account and its tokens' names; no secrets and no hashes."""
        account = get_account(session, owner_id)
        value: dict[str, Any] = {
            "name": account.name,
            "is_admin": account.is_admin,
            "plan_name": account.plan_name,
            "created_at": account.created_at.isoformat(),
            "api_tokens": [
                {"name": one.name, "created_at": one.created_at.isoformat()}
                for one in store.list_api_tokens(session, owner_id)
            ],
        }
        yield ExportedRecord("accounts/account.json", value)

    def delete(self, session: Session, owner_id: str) -> None:
        """Sessions and tokens; the account itself goes last, in ``delete_account``."""
        store.delete_sessions(session, owner_id, None)
        for one in store.list_api_tokens(session, owner_id):
            store.delete_api_token(session, owner_id, one.id)


# ---- OpenID ----------------------------------------------------------------------------------------------------------


def begin_openid(session: Session, beginning: Beginning, account_id: str | None, now: datetime) -> None:
    """Remember a sign-in until the browser comes back; ``account_id`` is of who only adds this way in."""
    store.add_openid_sign_in(
        session,
        state_sha256=_sha256(beginning.state),
        nonce=beginning.nonce,
        code_verifier=beginning.code_verifier,
        account_id=account_id,
        now=now,
        expires_at=now + OPENID_LONGEST,
    )


def take_openid(session: Session, state: str, now: datetime) -> OpenIdSignIn:
    """What was remembered, once. Raises SignInRefused for a state that nobody began with, or too long ago."""
    remembered = store.take_openid_sign_in(session, _sha256(state), now)
    if remembered is None:
        raise SignInRefused("This sign-in was begun too long ago, or is over.", "Begin again.")
    return remembered


def account_of_identity(
    session: Session, identity: OpenIdIdentity, account_id: str | None, *, may_create: bool, now: datetime
) -> Account:
    """The account that ``identity`` opens: its own, the one it is added to (``account_id``), or a new one.

    Raises NotAllowed when it is somebody else's, or nobody's and ``may_create`` is False. A new account gets the name
    the provider says, with a number when somebody has it. Nobody becomes administrator this way.
    """
    take_turns(session, _ADMINS)
    found = store.find_account_of_identity(session, identity.issuer, identity.subject)
    if found is not None:
        if account_id not in (None, found.id):
            raise NotAllowed("That identity opens another account already.", "Sign in to that one and use it.")
        return found
    if account_id is None and not may_create:
        raise NotAllowed(
            "Nobody here is known by that identity.",
            "Ask an administrator for an account, sign in to it, and add the identity there.",
        )
    account = _named_after(session, identity.name, now) if account_id is None else get_account(session, account_id)
    store.add_identity(session, account_id=account.id, issuer=identity.issuer, subject=identity.subject, now=now)
    return account


def _named_after(session: Session, wish: str, now: datetime) -> Account:
    plain = "".join(letter for letter in unicodedata.normalize("NFC", wish) if letter.isprintable())
    stem = "-".join(plain.split())[: store.NAME_LENGTH - 5] or "maker"
    for number in range(1, 1000):
        try:
            name = stem if number == 1 else f"{stem}-{number}"
            return _add(session, name, None, is_admin=False, plan_name=DEFAULT_PLAN, now=now)
        except NameRefused:
            continue
    raise NameRefused(f"Nearly everybody here is called {stem}.", "Ask an administrator for an account.")


# ---- names -----------------------------------------------------------------------------------------------------------


def checked_name(name: str, *, spaces: bool = False) -> str:
    """The name in the form NFC without spaces around it, or NameRefused. Spaces inside only for names of tokens."""
    shown = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(shown) <= store.NAME_LENGTH:
        raise NameRefused(
            f"A name has 1 to {store.NAME_LENGTH} characters; this one has {len(shown)}.", "Choose another."
        )
    if not shown.isprintable() or (not spaces and any(letter.isspace() for letter in shown)):
        raise NameRefused("A name has letters, digits and signs, and no spaces.", "Choose another.")
    return shown


def name_key(name: str) -> str:
    """What makes two names the same: case and width do not count, so nobody can look like somebody else by them."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return folded.strip()[: 4 * store.NAME_LENGTH]


def _add(
    session: Session, name: str, password_hash: str | None, *, is_admin: bool, plan_name: str, now: datetime
) -> Account:
    shown = checked_name(name)
    account = store.add_account(
        session,
        name=shown,
        name_key=name_key(shown),
        password_hash=password_hash,
        is_admin=is_admin,
        plan_name=plan_name,
        now=now,
    )
    if account is None:
        raise _name_taken(shown)
    return account


def _name_taken(name: str) -> NameRefused:
    return NameRefused(f"Somebody has the name '{name}' already.", "Choose another.")


def _keep_an_admin(session: Session, account: Account) -> None:
    if account.is_admin and store.count_admins(session) == 1:
        raise NotAllowed(
            f"{account.name} is the only administrator of this studio.", "Make somebody else administrator first."
        )


def _of_its_slice(
    kind: OwnedData, pieces: Iterable[ExportedRecord | ExportedFile]
) -> Iterator[ExportedRecord | ExportedFile]:
    for piece in pieces:
        parts = piece.path.split("/")
        if parts[0] != kind.slice_name or len(parts) < 2 or not all(part.strip(".") for part in parts):
            raise RuntimeError(f"{kind.slice_name} exports {piece.path!r}, which is no path under its own name.")
        yield piece


def _is_stale(seen_at: datetime | None, now: datetime) -> bool:
    return seen_at is None or now - seen_at >= timedelta(seconds=TOUCH_SECONDS)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
