"""A small OpenID provider on loopback: discovery, keys, and the authorization code flow with PKCE (RFC 7636, S256).

It checks what a provider has to: client, redirect address, code once, verifier. ``spoil`` makes its answer wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "enogu", "a-secret-of-the-test"
FORM = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Circle</title><h1>Circle</h1>
<form method="post"><label>Who are you? <input name="name"></label><button name="answer" value="yes">Allow</button>
<button name="answer" value="no">Refuse</button></form>"""


class OpenIdProvider(ThreadingHTTPServer):
    """What it knows; each request has a thread."""

    daemon_threads = True

    def __init__(self) -> None:
        """On a free port."""
        super().__init__(("127.0.0.1", 0), _Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one"})
        self.codes: dict[str, dict[str, str]] = {}
        self.spoil: dict[str, Any] = {}
        """Claims that the next tokens have in place of the right ones."""

    def variables(self) -> dict[str, str]:
        """What tells a studio of it."""
        values = {"ISSUER": self.issuer, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "TITLE": "Circle"}
        return {f"ENOGU_OIDC_{name}": value for name, value in values.items()}

    def token(self, asked: dict[str, str]) -> str:
        """The signed answer."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": asked["name"],
            "preferred_username": asked["name"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
        }
        return jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **self.spoil}, self.key)


class _Answers(BaseHTTPRequestHandler):
    server: OpenIdProvider  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        here, issuer = urlsplit(self.path).path, self.server.issuer
        if here == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/keys",
                }
            )
        elif here == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif here == "/authorize":
            self._send(200, FORM.encode(), "text/html")
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self) -> None:
        where = urlsplit(self.path)
        said = _flat(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if where.path == "/authorize":
            self._authorize(_flat(where.query), said)
        else:
            self._hand_over(said)

    def _authorize(self, asked: dict[str, str], said: dict[str, str]) -> None:
        is_right = (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        if not is_right or asked["code_challenge_method"] != "S256" or "openid" not in asked["scope"].split():
            self._send(400, b"not asked as it should be", "text/plain")
            return
        if said["answer"] == "yes":
            code = secrets.token_urlsafe(16)
            self.server.codes[code] = {**asked, "name": said["name"]}
            back = {"code": code, "state": asked["state"]}
        else:
            back = {"error": "access_denied", "state": asked["state"]}
        self.send_response(303)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(back)}")
        self.end_headers()

    def _hand_over(self, said: dict[str, str]) -> None:
        asked = self.server.codes.pop(said.get("code", ""), None)
        hashed = hashlib.sha256(said.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if self.headers["Authorization"] != basic:
            self._json({"error": "invalid_client"}, 401)
        elif asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != said["redirect_uri"]:
            self._json({"error": "invalid_grant"}, 400)
        else:
            token = self.server.token(asked)
            self._json({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def _json(self, value: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


@contextmanager
def open_provider() -> Iterator[OpenIdProvider]:
    """One that is closed at the end."""
    with OpenIdProvider() as provider:
        thread = threading.Thread(target=provider.serve_forever, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
