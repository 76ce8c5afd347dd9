"""Signing in and out, and what a person can do with their own account. See ``asking`` for who may call what."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from enogu.accounts import passwords, service
from enogu.accounts.asking import (
    Door,
    OneTransaction,
    Person,
    SignInMode,
    SomeCaller,
    TheDoor,
    clear_cookies,
    cookie_name,
    csrf_token,
    identify,
    refuse_other_sites,
    require_person,
    set_cookies,
)
from enogu.accounts.entities import Account, CallerKind, NotAllowed, SignInRefused
from enogu.storage.database import reading, transaction, utc_now

router = APIRouter(prefix="/api", tags=["accounts"])

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Password = Annotated[SecretStr, Field(min_length=1, max_length=4 * passwords.LONGEST)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NameAndPassword(_Body):
    """What signs in."""

    name: _Name
    password: _Password


class FirstAdmin(NameAndPassword):
    """What makes the first administrator."""

    setup_code: str = Field(max_length=200)
    """As the server printed it when it was started."""


class NewPassword(_Body):
    """What changes a password."""

    old: Annotated[SecretStr, Field(max_length=4 * passwords.LONGEST)] = SecretStr("")
    """Empty when there was none."""
    new: _Password


class NewApiToken(_Body):
    """What makes an API token."""

    name: _Name
    expires_at: AwareDatetime | None = None


class StudioShown(BaseModel):
    """What anybody may know before signing in."""

    sign_in: SignInMode
    needs_first_admin: bool
    openid_title: str | None
    """What the button for signing in elsewhere says; None when there is none."""


class AccountShown(BaseModel):
    """An account as its own person sees it."""

    id: str
    name: str
    is_admin: bool
    plan_name: str
    has_password: bool
    created_at: datetime


class Me(BaseModel):
    """Who is calling."""

    account: AccountShown
    kind: CallerKind
    csrf_token: str | None
    """To be sent as X-CSRF-Token with every request that changes something; None when there is no cookie."""


class SessionShown(BaseModel):
    """One browser that is signed in."""

    id: str
    described: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    is_this_one: bool


class ApiTokenShown(BaseModel):
    """A key for scripts, without its secret."""

    id: str
    name: str
    created_at: datetime
    seen_at: datetime | None
    expires_at: datetime | None


class ApiTokenMade(BaseModel):
    """A new key for scripts."""

    id: str
    secret: str
    """Shown here and never again."""


# ---- signing in and out ----------------------------------------------------------------------------------------------


@router.get("/studio")
def get_studio(door: TheDoor, session: OneTransaction) -> StudioShown:
    """Whether one has to sign in, and whether somebody can."""
    needs = door.sign_in == "password" and service.needs_first_admin(session)
    openid = door.openid if door.sign_in == "password" else None
    title = None if openid is None else openid.settings.title
    return StudioShown(sign_in=door.sign_in, needs_first_admin=needs, openid_title=title)


@router.post("/sign-in")
def sign_in(body: NameAndPassword, request: Request, response: Response, door: TheDoor) -> Me:
    """Sign this browser in with name and password (A1)."""
    refuse_other_sites(request)
    _require_passwords(door)
    typed = body.password.get_secret_value()
    name, address = service.name_key(body.name), _address(request)
    door.limits.count_attempt(name, address)
    with reading(door.engine) as session:
        credentials = service.find_credentials(session, body.name)
    kept = None if credentials is None else credentials.password_hash
    if not passwords.matches(kept, typed) or credentials is None or kept is None:
        raise SignInRefused("Name and password do not belong together.", "Type them again.")
    renewed = passwords.hash_again(typed) if passwords.is_outdated(kept) else None
    account = credentials.account
    with transaction(door.engine) as session:
        if renewed is not None:
            service.renew_hash(session, account.id, renewed)
        opened = service.open_session(session, account.id, utc_now(), request.headers.get("user-agent", ""))
    door.limits.forgive(name, address)
    set_cookies(request, response, opened.secret)
    return Me(account=_shown(account), kind="session", csrf_token=csrf_token(opened.secret))


@router.post("/sign-out", status_code=204)
def sign_out(request: Request, response: Response, session: OneTransaction, caller: Person) -> None:
    """Sign this browser out; its token is worth nothing from here on."""
    if caller.kind == "session" and caller.key_id is not None:
        service.close_session(session, caller.account.id, caller.key_id)
    clear_cookies(request, response)


@router.post("/first-admin", status_code=201)
def create_first_admin(body: FirstAdmin, request: Request, door: TheDoor) -> AccountShown:
    """Name and password of the first administrator, with the code that the server printed when it was started."""
    refuse_other_sites(request)
    _require_passwords(door)
    door.limits.count_attempt("", _address(request))
    expected = door.setup_code
    if expected is None or not hmac.compare_digest(body.setup_code.encode("utf-8", "replace"), expected.encode()):
        raise NotAllowed("The setup code is another one.", "Copy it from where the server was started.")
    password_hash = passwords.hash_password(body.password.get_secret_value(), body.name)
    with transaction(door.engine) as session:
        return _shown(service.create_first_admin(session, body.name, password_hash, utc_now()))


# ---- one's own account -----------------------------------------------------------------------------------------------


@router.get("/me")
def get_me(request: Request, caller: SomeCaller) -> Me:
    """Who is calling."""
    token = request.cookies.get(cookie_name(request)) if caller.kind == "session" else None
    return Me(account=_shown(caller.account), kind=caller.kind, csrf_token=None if token is None else csrf_token(token))


@router.delete("/me", status_code=204)
def delete_me(request: Request, response: Response, door: TheDoor, session: OneTransaction, caller: Person) -> None:
    """Delete the account and everything that is its own (J3). There is no way back."""
    service.delete_account(session, caller.account.id, door.owned_data)
    clear_cookies(request, response)


@router.put("/me/password", status_code=204)
def set_password(body: NewPassword, request: Request, door: TheDoor) -> None:
    """A new password; everywhere else one is signed out."""
    with transaction(door.engine) as session:  # on its own and first: no transaction is open while passwords are hashed
        caller = require_person(identify(request, session, door))
        credentials = service.find_credentials(session, caller.account.name)
    door.limits.count_attempt(service.name_key(caller.account.name), _address(request))
    kept = None if credentials is None else credentials.password_hash
    if kept is not None and not passwords.matches(kept, body.old.get_secret_value()):
        raise SignInRefused("The old password is another one.", "Type it again.")
    password_hash = passwords.hash_password(body.new.get_secret_value(), caller.account.name)
    with transaction(door.engine) as session:
        service.set_password(session, caller.account.id, password_hash, caller.key_id)


@router.get("/me/sessions")
def list_sessions(session: OneTransaction, caller: Person) -> list[SessionShown]:
    """Where one is signed in, newest first."""
    return [
        SessionShown(
            id=one.id,
            described=one.described,
            created_at=one.created_at,
            seen_at=one.seen_at,
            expires_at=one.expires_at,
            is_this_one=one.id == caller.key_id,
        )
        for one in service.list_sessions(session, caller.account.id, utc_now())
    ]


@router.delete("/me/sessions/{session_id}", status_code=204)
def close_session(session_id: str, session: OneTransaction, caller: Person) -> None:
    """Sign another browser out."""
    service.close_session(session, caller.account.id, session_id)


@router.get("/me/tokens")
def list_api_tokens(session: OneTransaction, caller: Person) -> list[ApiTokenShown]:
    """One's keys for scripts, newest first."""
    return [
        ApiTokenShown(
            id=one.id, name=one.name, created_at=one.created_at, seen_at=one.seen_at, expires_at=one.expires_at
        )
        for one in service.list_api_tokens(session, caller.account.id)
    ]


@router.post("/me/tokens", status_code=201)
def create_api_token(body: NewApiToken, session: OneTransaction, caller: Person) -> ApiTokenMade:
    """A new key for scripts."""
    made = service.create_api_token(session, caller.account.id, body.name, utc_now(), body.expires_at)
    return ApiTokenMade(id=made.id, secret=made.secret)


@router.delete("/me/tokens/{token_id}", status_code=204)
def revoke_api_token(token_id: str, session: OneTransaction, caller: Person) -> None:
    """Take a key for scripts back, at once."""
    service.revoke_api_token(session, caller.account.id, token_id)


def _require_passwords(door: Door) -> None:
    if door.sign_in == "loopback":
        raise NotAllowed("This studio opens without signing in.", "Just use it.")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _shown(account: Account) -> AccountShown:
    return AccountShown(
        id=account.id,
        name=account.name,
        is_admin=account.is_admin,
        plan_name=account.plan_name,
        has_password=account.has_password,
        created_at=account.created_at,
    )
