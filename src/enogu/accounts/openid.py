"""OpenID Connect (A1): the talk with the provider. No rows here, and nothing of a person is kept.

Authorization code with PKCE (RFC 7636), state and nonce, as OpenID Connect Core 1.0, 3.1, has it. authlib speaks OAuth,
joserfc (its maker's newer library, which authlib itself moves to) checks the signed answer. Both are imported when
somebody signs in, since they cost 12 MiB that a studio without a provider need not have.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enogu.accounts.entities import OpenIdIdentity, OpenIdUnavailable, SignInRefused
from enogu.errors import WrongUse

SCOPE = "openid profile email"
TIMEOUT_SECONDS = 10
KNOWN_SECONDS = 3600
"""How long the provider's own description and keys are believed before they are fetched again."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key. HMAC and "none" are refused, whatever the answer's header says."""
_LEEWAY_SECONDS = 60


@dataclass(frozen=True)
class OpenIdSettings:
    """How this studio is known to a provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    title: str = "OpenID"
    """What the button says."""
    creates_accounts: bool = True
    """Whether somebody whom nobody knows yet gets an account."""

    def __post_init__(self) -> None:
        """Raises WrongUse for an issuer that anybody on the way could stand in for."""
        is_local = self.issuer.startswith(("http://localhost", "http://127.0.0.1", "http://[::1]"))
        if not self.issuer.startswith("https://") and not is_local:
            raise WrongUse(
                f"The OpenID issuer is {self.issuer}, which is no https address.", "Set ENOGU_OIDC_ISSUER to https://…."
            )
        if not self.client_id:
            raise WrongUse(
                "ENOGU_OIDC_CLIENT_ID is not set.", "Take it from the provider, where the studio is entered."
            )


@dataclass(frozen=True)
class Beginning:
    """Where to send the browser, and what has to be remembered until it comes back."""

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


class OpenIdProvider:
    """One provider. Safe to share by threads."""

    def __init__(self, settings: OpenIdSettings) -> None:
        """Nothing is fetched before somebody signs in."""
        self.settings = settings
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, Any], dict[str, Any]] | None = None

    def begin(self, redirect_uri: str) -> Beginning:
        """A sign-in. Raises OpenIdUnavailable when the provider does not answer."""
        description, _ = self._description()
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                description["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return Beginning(url, state, nonce, verifier)

    def finish(self, redirect_uri: str, code: str, nonce: str, code_verifier: str) -> OpenIdIdentity:
        """Who came back with ``code``. Raises SignInRefused when the answer does not hold, OpenIdUnavailable."""
        from authlib.integrations.base_client import OAuthError

        description, _ = self._description()
        try:
            with self._client(redirect_uri) as client:
                answer = client.fetch_token(description["token_endpoint"], code=code, code_verifier=code_verifier)
        except OAuthError as error:
            raise SignInRefused(
                f"{self.settings.title} did not accept the sign-in ({str(error.error)[:60]}).", "Begin again."
            ) from error
        except Exception as error:
            raise self._unavailable(error) from error
        token = answer.get("id_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str):
            raise SignInRefused(f"{self.settings.title} did not say who you are.", "Begin again.")
        return self._identity(self._claims(token, nonce))

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """What the signed token says, once signature, issuer, audience, times and nonce hold."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        description, keys = self._description()
        try:
            decoded = jwt.decode(token, KeySet.import_key_set({"keys": keys["keys"]}), algorithms=list(ALGORITHMS))
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": description["issuer"]},
                aud={"essential": True, "value": self.settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(decoded.claims)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            self._forget()  # the provider may have new keys
            raise SignInRefused(
                f"What {self.settings.title} says of you could not be believed ({type(error).__name__}).",
                "Begin again; if it stays so, see that ENOGU_OIDC_ISSUER and ENOGU_OIDC_CLIENT_ID are right.",
            ) from error
        authorized = decoded.claims.get("azp", self.settings.client_id)
        if authorized != self.settings.client_id:
            raise SignInRefused(f"{self.settings.title} answered for another program.", "Begin again.")
        return decoded.claims

    def _identity(self, claims: Mapping[str, Any]) -> OpenIdIdentity:
        wishes = (claims.get("preferred_username"), str(claims.get("email", "")).partition("@")[0], claims.get("name"))
        name = next((str(wish) for wish in wishes if isinstance(wish, str) and wish.strip()), "maker")
        return OpenIdIdentity(self.settings.issuer, str(claims["sub"])[:255], name[:200])

    def _client(self, redirect_uri: str) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            self.settings.client_id,
            self.settings.client_secret or None,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self.settings.client_secret else "none",
            timeout=TIMEOUT_SECONDS,
        )

    def _description(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The provider's metadata and keys (OpenID Connect Discovery 1.0), fetched once an hour."""
        with self._lock:
            if self._known is not None and time.monotonic() - self._known[0] < KNOWN_SECONDS:
                return self._known[1], self._known[2]
            description = self._fetched(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if description.get("issuer") != self.settings.issuer.rstrip("/") and (
                description.get("issuer") != self.settings.issuer
            ):
                raise OpenIdUnavailable(
                    f"{self.settings.issuer} calls itself {str(description.get('issuer'))[:200]}.",
                    "Set ENOGU_OIDC_ISSUER to that name, if it is the right one.",
                )
            keys = self._fetched(str(description.get("jwks_uri")))
            self._known = time.monotonic(), description, keys
            return description, keys

    def _forget(self) -> None:
        with self._lock:
            self._known = None

    def _fetched(self, url: str) -> dict[str, Any]:
        import httpx

        try:
            answer = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=False)
            value = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._unavailable(error) from error
        if not isinstance(value, dict):
            raise self._unavailable(ValueError("no JSON object"))
        return value

    def _unavailable(self, error: Exception) -> OpenIdUnavailable:
        return OpenIdUnavailable(
            f"{self.settings.title} does not answer as it should ({type(error).__name__}).",
            f"Try again in a moment; see that {self.settings.issuer} can be reached from the server.",
        )
