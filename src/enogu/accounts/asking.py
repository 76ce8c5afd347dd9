"""What a route asks for: one transaction, and who is calling. Every slice's ``api.py`` takes these two.

    @router.get("/datasets/{dataset_id}")
    def get_dataset(dataset_id: str, session: OneTransaction, caller: SomeCaller) -> DatasetShown: ...

``OneTransaction`` commits before the answer is sent, so what was answered is kept. Under GET and HEAD it is a reading
one, in which the database refuses to write. ``SomeCaller`` raises SignInNeeded when nobody is signed in, and for a
request that changes something refuses one that another website made a browser send: by ``Sec-Fetch-Site`` and
``Origin``, and, when the caller is known by a cookie, by a token that only our own page can read and must send back in
a header.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from enogu.accounts import service
from enogu.accounts.entities import Caller, NotAllowed, SignInNeeded
from enogu.accounts.openid import OpenIdProvider
from enogu.accounts.owned_data import OwnedData
from enogu.accounts.sign_in_limits import SignInLimits
from enogu.storage.database import Engine, Session, reading, transaction, utc_now

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"

SignInMode = Literal["loopback", "password"]


@dataclass(frozen=True)
class Door:
    """How this server lets people in; ``app.state.door``."""

    engine: Engine
    sign_in: SignInMode
    setup_code: str | None = field(default=None, repr=False)
    """What the first administrator has to type; printed where the server was started. None: not over the network."""
    owned_data: tuple[OwnedData, ...] = ()
    limits: SignInLimits = field(default_factory=SignInLimits, repr=False)
    openid: OpenIdProvider | None = field(default=None, repr=False)
    """Who else can say who somebody is; None: nobody."""
    public_url: str = ""
    """The studio's address as browsers know it, when the server cannot tell by itself (behind a proxy)."""


def door_of(request: Request) -> Door:
    """The door of the app that answers ``request``."""
    return request.app.state.door


def _one_transaction(request: Request) -> Iterator[Session]:
    engine = door_of(request).engine
    with reading(engine) if request.method in SAFE_METHODS else transaction(engine) as session:
        yield session


TheDoor = Annotated[Door, Depends(door_of)]
OneTransaction = Annotated[Session, Depends(_one_transaction, scope="function")]


def _some_caller(request: Request, session: OneTransaction, door: TheDoor) -> Caller:
    return identify(request, session, door)


def identify(request: Request, session: Session, door: Door) -> Caller:
    """Who is calling, for a route that opens its transactions itself (a stream). Raises SignInNeeded, NotAllowed."""
    now = utc_now()
    by_header, by_cookie = _token_in_header(request), request.cookies.get(cookie_name(request))
    if by_header is not None:
        caller = service.get_caller(session, by_header, now)
    elif door.sign_in == "loopback":  # a cookie may be another studio's on this machine: cookies know no ports
        refuse_other_sites(request)
        caller = service.find_loopback_owner(session)
    elif by_cookie is not None:
        caller = service.get_caller(session, by_cookie, now)
        refuse_other_sites(request)
        _compare_csrf_token(request, by_cookie)
    else:
        caller = None
    if caller is None:
        raise SignInNeeded("You are not signed in.", "Sign in, or send an API token as Authorization: Bearer.")
    if caller.is_stale and request.method in SAFE_METHODS:
        with transaction(door.engine) as own:
            service.note_use(own, caller, now)
    elif caller.is_stale:
        service.note_use(session, caller, now)
    return caller


SomeCaller = Annotated[Caller, Depends(_some_caller, scope="function")]


def require_person(caller: SomeCaller) -> Caller:
    """Raises NotAllowed for a script."""
    if caller.kind == "api_token":
        raise NotAllowed("An API token may not do this.", "Sign in with name and password.")
    return caller


def _admin(caller: SomeCaller) -> Caller:
    service.require_admin(caller)
    return caller


Person = Annotated[Caller, Depends(require_person, scope="function")]
"""A caller who is no script: for passwords, tokens and the end of the account."""
Admin = Annotated[Caller, Depends(_admin, scope="function")]


def refuse_other_sites(request: Request) -> None:
    """Raises NotAllowed for a request that changes something and that a page of another website made a browser send.

    Programs that are no browsers send neither header and pass; they have no cookies that anybody could abuse.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_ours = site in (None, "same-origin", "none") and (
        origin is None or urlsplit(origin).netloc == request.headers.get("host")
    )
    if not is_ours:
        raise NotAllowed("Another website asked your browser for this.", "Do it on the studio's own page.")


def csrf_token(session_token: str) -> str:
    """What our page sends back in ``X-CSRF-Token``: it follows from the session's token, so nothing has to be kept."""
    return hmac.new(session_token.encode("utf-8", "surrogatepass"), b"enogu csrf", hashlib.sha256).hexdigest()


def set_cookies(request: Request, response: Response, session_token: str) -> None:
    """The session's cookie, which no script can read, and the CSRF token's, which our page's script must."""
    seconds = int(service.SESSION_LONGEST.total_seconds())
    is_https = request.url.scheme == "https"
    for name, value, is_hidden in (
        (cookie_name(request), session_token, True),
        (csrf_cookie_name(request), csrf_token(session_token), False),
    ):
        response.set_cookie(name, value, max_age=seconds, path="/", secure=is_https, httponly=is_hidden, samesite="lax")


def clear_cookies(request: Request, response: Response) -> None:
    """Both, whatever the browser still has."""
    is_https = request.url.scheme == "https"
    for name in (cookie_name(request), csrf_cookie_name(request)):
        response.delete_cookie(name, path="/", secure=is_https, samesite="lax")


def cookie_name(request: Request) -> str:
    """Over https a name that browsers accept only from this very host, without a domain and with Secure."""
    return "__Host-enogu" if request.url.scheme == "https" else "enogu"


def csrf_cookie_name(request: Request) -> str:
    """See ``cookie_name``."""
    return cookie_name(request) + "-csrf"


def _token_in_header(request: Request) -> str | None:
    value = request.headers.get("authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer":
        raise SignInNeeded("Only API tokens are accepted in the Authorization header.", "Send Bearer and the token.")
    return token.strip()


def _compare_csrf_token(request: Request, session_token: str) -> None:
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf_token(session_token).encode()):
        raise NotAllowed(f"The header {CSRF_HEADER} is missing or of another sign-in.", "Load the page again.")
