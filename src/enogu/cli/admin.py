"""``enogu admin``: what is done on the machine itself, by whoever may read and write the studio's data there.

No server has to run. Passwords are by chance and shown once, or asked for without being shown; never an option, which
every user of the machine could read in the list of processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from enogu.cli.output import Call, call_of
from enogu.errors import EnoguError, NotFound, WrongUse

if TYPE_CHECKING:
    from enogu.accounts.entities import Account
    from enogu.bootstrap import Studio

app = typer.Typer(help="Accounts, sweeping and checking, on the machine itself.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
AskOption = Annotated[bool, typer.Option("--ask-password", help="Type the password instead of getting one by chance.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask whether this is meant.")]


@app.command("list")
def list_all(context: typer.Context, search: Annotated[str, typer.Option(help="A part of the name.")] = "") -> None:
    """List the accounts."""
    from rich import box
    from rich.table import Table

    from enogu.accounts import service
    from enogu.storage.database import reading

    call = call_of(context)
    found: list[Account] = []
    with _opened(call) as studio, reading(studio.engine) as session:
        while page := service.list_accounts(session, found[-1].id if found else None, service.MOST_LISTED, search):
            found += page
    table = Table("name", "plan", "administrator", "password", "since", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found:
        yes = {True: "yes", False: ""}
        since = f"{one.created_at:%Y-%m-%d}"
        table.add_row(one.name, one.plan_name, yes[one.is_admin], yes[one.has_password], since)
    call.output.show(table)
    call.output.tell({"accounts": [_told(one) for one in found]})


@app.command("create-account")
def create_account(
    context: typer.Context,
    name: NameArgument,
    admin: Annotated[bool, typer.Option("--admin", help="Make it an administrator's.")] = False,
    plan: Annotated[str, typer.Option("--plan", metavar="PLAN", help="Its stamina plan.")] = "",
    ask_password: AskOption = False,
) -> None:
    """Make an account, and say its password once."""
    from enogu.accounts import passwords, service
    from enogu.stamina import service as stamina
    from enogu.storage.database import transaction, utc_now

    call = call_of(context)
    with _opened(call) as studio:
        plan_name = plan or studio.metering.default_plan
        stamina.require_plan(studio.metering, plan_name)
        password = _new_password(ask_password)
        password_hash = passwords.hash_password(password, name)
        with transaction(studio.engine) as session:
            made = service.create_account(session, name, password_hash, utc_now(), is_admin=admin, plan_name=plan_name)
    call.output.say(f"{made.name} can sign in.")
    _say_password(call, made, password, ask_password)


@app.command("set-password")
def set_password(context: typer.Context, name: NameArgument, ask_password: AskOption = False) -> None:
    """Give an account a new password, and sign it out everywhere. API tokens stay."""
    from enogu.accounts import passwords, service
    from enogu.storage.database import reading, transaction

    call = call_of(context)
    with _opened(call) as studio:
        with reading(studio.engine) as session:
            account = service.get_account_named(session, name)
        password = _new_password(ask_password)
        password_hash = passwords.hash_password(password, account.name)
        with transaction(studio.engine) as session:
            service.set_password(session, account.id, password_hash)
    call.output.say(f"{account.name} has a new password and is signed out everywhere.")
    _say_password(call, account, password, ask_password)


@app.command("set-plan")
def set_plan(context: typer.Context, name: NameArgument, plan: Annotated[str, typer.Argument(metavar="PLAN")]) -> None:
    """Put an account on another stamina plan."""
    from enogu.accounts import service
    from enogu.stamina import service as stamina
    from enogu.storage.database import transaction

    call = call_of(context)
    with _opened(call) as studio:
        stamina.require_plan(studio.metering, plan)
        with transaction(studio.engine) as session:
            service.set_plan(session, service.get_account_named(session, name).id, plan)
            account = service.get_account_named(session, name)
    call.output.say(f"{account.name} is on the plan {plan}.")
    call.output.tell(_told(account))


@app.command("set-admin")
def set_admin(
    context: typer.Context,
    name: NameArgument,
    off: Annotated[bool, typer.Option("--off", help="No longer an administrator.")] = False,
) -> None:
    """Make somebody an administrator, or no longer one. The last one stays."""
    from enogu.accounts import service
    from enogu.storage.database import transaction

    call = call_of(context)
    with _opened(call) as studio, transaction(studio.engine) as session:
        service.set_admin(session, service.get_account_named(session, name).id, not off)
        account = service.get_account_named(session, name)
    call.output.say(f"{account.name} is {'an' if account.is_admin else 'no'} administrator.")
    call.output.tell(_told(account))


@app.command("delete-account")
def delete_account(context: typer.Context, name: NameArgument, yes: YesOption = False) -> None:
    """Delete an account with everything that is its own. There is no way back."""
    from enogu.accounts import service
    from enogu.bootstrap import OWNED_DATA
    from enogu.storage.database import reading, transaction

    call = call_of(context)
    with _opened(call) as studio:
        with reading(studio.engine) as session:
            account = service.get_account_named(session, name)
        if not yes:
            typed = typer.prompt(f"Everything of {account.name} will be gone. Type the name to go on", err=True)
            if typed != account.name:
                raise WrongUse("The name was another one; nothing was deleted.")
        with transaction(studio.engine) as session:
            service.delete_account(session, account.id, OWNED_DATA)
    call.output.say(f"{account.name} is gone. Files that were theirs alone go with the next sweep.")
    call.output.tell({"deleted": _told(account)})


@app.command("sweep")
def sweep_now(
    context: typer.Context,
    days: Annotated[
        float, typer.Option("--days", min=0.01, help="Files put within so many days are left alone.")
    ] = 1.0,
    trial: Annotated[bool, typer.Option("--trial", help="Only count the files that would go.")] = False,
) -> None:
    """Take away what has run out, what was deleted long ago, and files that nothing names any more."""
    from dataclasses import asdict

    from enogu.storage.database import utc_now
    from enogu.sweeping import sweep

    call = call_of(context)
    with _opened(call) as studio:
        swept = sweep(studio, utc_now(), young=timedelta(days=days), is_trial=trial)
    gone = "would go" if trial else "are gone"
    call.output.say(f"{swept.files:,} files with {swept.bytes / 1e6:,.1f} MB that nothing names {gone}.")
    if not trial:
        call.output.say(
            f"{swept.expired_keys:,} sign-ins and tokens, {swept.forgotten_uploads:,} uploads and "
            f"{swept.deleted_rows:,} deleted rows had run out."
        )
    call.output.tell({**asdict(swept), "is_trial": trial})


@app.command("migrate")
def migrate_now(context: typer.Context) -> None:
    """Bring the database's tables to this version. Servers and workers do it themselves when they start."""
    from enogu.storage.database import reading
    from enogu.storage.migrations import find_revision

    call = call_of(context)
    with _opened(call) as studio, reading(studio.engine) as session:
        revision = find_revision(session.connection())
    call.output.say(f"The tables are at revision {revision}.")
    call.output.tell({"revision": revision})


@app.command("check")
def check(context: typer.Context) -> None:
    """Look whether database, files and workers are as they should be; exit code 1 when something is not."""
    from enogu.queue import service as queue
    from enogu.storage.database import reading, utc_now

    call = call_of(context)
    found: list[tuple[str, str, str]] = []
    with _opened(call) as studio:
        found.append(("database", "", "it answers, and its tables are up to date"))
        found.append(("files", _say_problem(studio), "they can be written, read and deleted"))
        found.append(("files that rows name", _missing_files(studio), "all of them are there"))
        with reading(studio.engine) as session:
            alive, counts = queue.list_live_workers(session, utc_now()), queue.count_jobs(session)
        waiting = sum(count for (_, state), count in counts.items() if state == "waiting")
        problem = f"none is alive, and {waiting} jobs wait: start `enogu worker`" if waiting and not alive else ""
        found.append(("workers", problem, f"{len(alive)} alive, {waiting} jobs wait"))
    for what, problem, good in found:
        call.output.say(f"{'no ' if problem else 'ok '} {what}: {problem or good}", style="red" if problem else None)
    problems = {what: problem for what, problem, _ in found if problem}
    call.output.tell({"is_ok": not problems, "problems": problems})
    if problems:
        raise typer.Exit(1)


def _say_problem(studio: Studio) -> str:
    """Of the store of files, by trying it; empty when there is none. What is there already is not touched."""
    import secrets

    try:
        put = studio.files.put([b"enogu admin check " + secrets.token_bytes(16)], 1000)
        read = b"".join(studio.files.get(put.sha256))
        studio.files.delete(put.sha256)
        return "" if len(read) == put.size_bytes else "what is read is not what was written"
    except EnoguError as error:
        return str(error)


def _missing_files(studio: Studio) -> str:
    from enogu.bootstrap import FILE_NAMERS
    from enogu.storage.database import reading

    with reading(studio.engine) as session:
        named = {sha256 for namer in FILE_NAMERS for sha256 in namer(session)}
    missing = [sha256 for sha256 in named if studio.files.find(sha256) is None]
    return f"{len(missing):,} of {len(named):,} are missing, such as {missing[0]}" if missing else ""


@contextmanager
def _opened(call: Call) -> Iterator[Studio]:
    from enogu.bootstrap import open_studio
    from enogu.server.logs import set_up_logs

    set_up_logs(level="warning")
    studio = open_studio(call.settings, "password")
    try:
        yield studio
    except NotFound as error:
        raise WrongUse(error.message, error.cure) from error
    finally:
        studio.close()


def _new_password(is_asked: bool) -> str:
    from enogu.accounts import passwords

    if not is_asked:
        return passwords.new_password()
    return typer.prompt("The new password", hide_input=True, confirmation_prompt="Once more", err=True)


def _say_password(call: Call, account: Account, password: str, is_asked: bool) -> None:
    if not is_asked:
        call.output.say(f"The password, shown here and never again: {password}")
    call.output.tell(_told(account) | ({} if is_asked else {"password": password}))


def _told(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "is_admin": account.is_admin,
        "plan_name": account.plan_name,
        "has_password": account.has_password,
        "created_at": account.created_at.isoformat(),
    }
