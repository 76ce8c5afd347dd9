"""``enogu account``: who is calling, tokens for programs, everything one owns as a zip, and the end of an account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from enogu.cli.output import call_of
from enogu.cli.studio_client import studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, show_rows, when
from enogu.errors import WrongUse

app = typer.Typer(help="Your account: who you are, API tokens, export, deletion.", no_args_is_help=True)
tokens_app = typer.Typer(help="API tokens, with which programs work in your name.", no_args_is_help=True)
app.add_typer(tokens_app, name="tokens")


@app.command()
def me(context: typer.Context) -> None:
    """Say who this call works as."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get("/api/me")
        where = studio.shown
    account = shown["account"]
    words = {"loopback": "owner of the studio on this machine", "api_token": "by an API token"}
    say_facts(
        output,
        [
            ("name", account["name"]),
            ("id", account["id"]),
            ("signed in", words.get(shown["kind"], shown["kind"])),
            ("administrator", "yes" if account["is_admin"] else "no"),
            ("plan", account["plan_name"]),
            ("studio", where),
        ],
    )
    output.tell(shown)


@tokens_app.command("list")
def list_tokens(context: typer.Context) -> None:
    """List the API tokens; what they are is shown only when they are made."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = studio.get("/api/me/tokens")
    rows = [(one["id"], one["name"], when(one["created_at"]), when(one["seen_at"]), when(one["expires_at"]) or "never")
            for one in found]  # fmt: skip
    show_rows(output, ("id", "name", "made", "last used", "expires"), rows, "There is no API token.")
    output.tell(found)


@tokens_app.command("create")
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    days: Annotated[int | None, typer.Option("--days", min=1, max=36_500, help="How long it is valid.")] = None,
) -> None:
    """Make an API token and show it, this once. Programs give it as ENOGU_TOKEN."""
    output = call_of(context).output
    expires = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with studio_of(context) as studio:
        made = studio.post("/api/me/tokens", {"name": name, "expires_at": expires})
    output.say(made["secret"])
    output.say("It is not shown again.")
    output.tell(made)


@tokens_app.command("revoke")
def revoke_token(
    context: typer.Context, token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its name or id.")]
) -> None:
    """Make an API token worthless, at once."""
    output = call_of(context).output
    with studio_of(context) as studio:
        listed = studio.get("/api/me/tokens")
        token_id = studio.find_id("token", token, lambda: listed, "See `enogu account tokens list`.")
        studio.delete(f"/api/me/tokens/{token_id}")
    output.say("It is revoked.")
    output.tell({"id": token_id, "revoked": True})


@app.command()
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The zip, or a folder to put it in.")] = Path(),
) -> None:
    """Download everything you own as one zip: rows as JSON, files as they are."""
    output = call_of(context).output
    with studio_of(context) as studio, moving_bar(output, "Exporting") as move:
        path = studio.download("/api/me/export.zip", out, on_progress=move)
    output.say(f"{path} ({in_bytes(path.stat().st_size)})")
    output.tell({"path": str(path), "size_bytes": path.stat().st_size})


@app.command()
def delete(
    context: typer.Context,
    really: Annotated[str, typer.Option("--really", metavar="NAME", help="Your account's name, since it is for good.")],
) -> None:
    """Delete your account with everything it owns, for good."""
    output = call_of(context).output
    with studio_of(context) as studio:
        account = studio.get("/api/me")["account"]
        if account["name"] != really:
            raise WrongUse(f"You work as {account['name']}, not as {really}.", "Give the name of your own account.")
        studio.delete("/api/me")
    output.say(f"{really} is deleted, with everything.")
    output.tell({"id": account["id"], "deleted": True})
