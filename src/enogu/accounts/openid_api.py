"""Signing in at an OpenID provider (A1): two stops of the browser, and adding that way to an account one has.

The state lies in the browser's own cookie as well as in the address that the provider sends it back to; both must be
the same, so that nobody can finish in somebody else's browser what they began in theirs. What goes wrong on the way
back brings the person to the studio's page with the kind of the error, since nobody else could read an answer.
"""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from enogu.accounts import service
from enogu.accounts.asking import Door, OneTransaction, Person, TheDoor, set_cookies
from enogu.accounts.entities import NotAllowed, OpenIdUnavailable, SignInRefused, TooManyAttempts
from enogu.accounts.openid import OpenIdProvider
from enogu.errors import EnoguError
from enogu.storage.database import transaction, utc_now

router = APIRouter(prefix="/api", tags=["accounts"])

CALLBACK = "/api/sign-in/openid/callback"
_KINDS: dict[type[EnoguError], str] = {
    OpenIdUnavailable: "unavailable",
    NotAllowed: "not_allowed",
    TooManyAttempts: "too_many",
    SignInRefused: "refused",
}


class OpenIdBegun(BaseModel):
    """Where to send the browser."""

    url: str


@router.get("/sign-in/openid", status_code=303, response_class=RedirectResponse)
def begin_openid_sign_in(request: Request, door: TheDoor) -> Response:
    """Send this browser to the OpenID provider to sign in there."""
    provider = _provider(door)
    door.limits.count_visit(request.client.host if request.client else "")
    beginning = provider.begin(_redirect_uri(request, door))
    with transaction(door.engine) as session:
        service.begin_openid(session, beginning, None, utc_now())
    answer = RedirectResponse(beginning.url, 303)
    _remember(request, answer, beginning.state)
    return answer


@router.post("/me/openid")
def add_openid_identity(
    request: Request, response: Response, door: TheDoor, session: OneTransaction, caller: Person
) -> OpenIdBegun:
    """Let one sign in at the OpenID provider too; open the address that is answered in the same browser."""
    provider = _provider(door)
    beginning = provider.begin(_redirect_uri(request, door))
    service.begin_openid(session, beginning, caller.account.id, utc_now())
    _remember(request, response, beginning.state)
    return OpenIdBegun(url=beginning.url)


@router.get("/sign-in/openid/callback", status_code=303, response_class=RedirectResponse)
def finish_openid_sign_in(
    request: Request,
    door: TheDoor,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Where the OpenID provider sends the browser back to."""
    try:
        secret = _finished(request, door, state, code, error)
    except EnoguError as refusal:
        kind = next((word for one, word in _KINDS.items() if isinstance(refusal, one)), "refused")
        answer = RedirectResponse(f"/?{urlencode({'sign_in': kind})}", 303)
    else:
        answer = RedirectResponse("/", 303)
        set_cookies(request, answer, secret)
    answer.delete_cookie(_cookie(request), path="/", secure=_is_https(request), httponly=True, samesite="lax")
    return answer


def _finished(request: Request, door: Door, state: str, code: str, error: str) -> str:
    """The secret of a new session. Raises EnoguError."""
    provider = _provider(door)
    door.limits.count_visit(request.client.host if request.client else "")
    kept = request.cookies.get(_cookie(request), "")
    if not state or not hmac.compare_digest(kept.encode("utf-8", "replace"), state.encode("utf-8", "replace")):
        raise SignInRefused("This sign-in was begun in another browser.", "Begin again.")
    now = utc_now()
    with transaction(door.engine) as session:
        remembered = service.take_openid(session, state, now)
    if error or not code:
        raise SignInRefused(f"{provider.settings.title} did not sign you in.", "Begin again.")
    # No transaction is open while the provider is asked.
    identity = provider.finish(_redirect_uri(request, door), code, remembered.nonce, remembered.code_verifier)
    with transaction(door.engine) as session:
        account = service.account_of_identity(
            session, identity, remembered.account_id, may_create=provider.settings.creates_accounts, now=now
        )
        return service.open_session(session, account.id, now, request.headers.get("user-agent", "")).secret


def _provider(door: Door) -> OpenIdProvider:
    if door.openid is None or door.sign_in != "password":
        raise NotAllowed("This studio knows no OpenID provider.", "Sign in with name and password.")
    return door.openid


def _redirect_uri(request: Request, door: Door) -> str:
    return f"{(door.public_url or str(request.base_url)).rstrip('/')}{CALLBACK}"


def _remember(request: Request, response: Response, state: str) -> None:
    seconds = int(service.OPENID_LONGEST.total_seconds())
    response.set_cookie(
        _cookie(request), state, max_age=seconds, path="/", secure=_is_https(request), httponly=True, samesite="lax"
    )


def _cookie(request: Request) -> str:
    return "__Host-enogu-openid" if _is_https(request) else "enogu-openid"


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"
