"""Accounts on both databases: who is asking (A1), taking back what was given, export and deletion (J3)."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from enogu.accounts import service
from enogu.accounts.entities import Account, Caller, NameRefused, NotAllowed, SignInNeeded
from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.accounts.service import AccountData, checked_name, name_key
from enogu.errors import EnoguError, NotFound, WrongUse
from enogu.storage.database import Session, reading, transaction

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HASH = "$argon2id$a-hash"
DAY = timedelta(days=1)


def make(engine: Engine, name: str, *, is_admin: bool = False) -> Account:
    with transaction(engine) as session:
        return service.create_account(session, name, HASH, NOW, is_admin=is_admin)


def caller_of(engine: Engine, token: str, now: datetime = NOW) -> Caller | None:
    with reading(engine) as session:
        return service.find_caller(session, token, now)


def count(engine: Engine, table: str) -> int | None:
    with reading(engine) as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar()  # noqa: S608


# ---- loopback and the first administrator ----------------------------------------------------------------------------


def test_on_loopback_there_is_one_owner_who_administers(engine: Engine) -> None:
    """A1: on one's own machine the studio opens with no login at all."""
    with reading(engine) as session:
        assert service.find_loopback_owner(session) is None
    with transaction(engine) as session:
        first = service.ensure_loopback_owner(session, NOW)
    with transaction(engine) as session:
        assert service.ensure_loopback_owner(session, NOW + DAY) == first
    with reading(engine) as session:
        assert service.find_loopback_owner(session) == first
    assert (first.kind, first.account.is_admin, first.account.has_password) == ("loopback", True, False)
    assert count(engine, "accounts") == 1


def test_processes_that_start_at_once_make_one_owner(engine: Engine) -> None:
    together = threading.Barrier(4)
    made: list[str] = []

    def start() -> None:
        together.wait()
        with transaction(engine) as session:
            made.append(service.ensure_loopback_owner(session, NOW).account.id)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1


def test_the_owner_of_loopback_days_becomes_the_first_administrator_and_keeps_everything(engine: Engine) -> None:
    with transaction(engine) as session:
        owner = service.ensure_loopback_owner(session, NOW).account
        assert service.needs_first_admin(session)
        admin = service.create_first_admin(session, "Mame", HASH, NOW)
        assert not service.needs_first_admin(session)
    assert (admin.id, admin.name, admin.has_password) == (owner.id, "Mame", True)


def test_there_is_only_one_first_administrator(engine: Engine) -> None:
    with transaction(engine) as session:
        service.create_first_admin(session, "mame", HASH, NOW)
    with pytest.raises(NotAllowed, match="has an administrator"), transaction(engine) as session:
        service.create_first_admin(session, "intruder", HASH, NOW)
    assert count(engine, "accounts") == 1


def test_the_only_administrator_can_neither_resign_nor_be_deleted(engine: Engine) -> None:
    mame = make(engine, "mame", is_admin=True)
    with pytest.raises(NotAllowed, match="only administrator"), transaction(engine) as session:
        service.set_admin(session, mame.id, False)
    with pytest.raises(NotAllowed, match="only administrator"), transaction(engine) as session:
        service.delete_account(session, mame.id, [])
    other = make(engine, "other")
    with transaction(engine) as session:
        service.set_admin(session, other.id, True)
        service.set_admin(session, mame.id, False)
        service.delete_account(session, mame.id, [])
    with reading(engine) as session:
        assert [one.name for one in service.list_accounts(session)] == ["other"]


def test_only_administrators_pass_where_one_is_required(engine: Engine) -> None:
    service.require_admin(Caller(make(engine, "admin", is_admin=True), "session"))
    with pytest.raises(NotAllowed):
        service.require_admin(Caller(make(engine, "mame"), "session"))


# ---- names -----------------------------------------------------------------------------------------------------------


def test_a_name_is_found_in_any_case_and_width_and_taken_only_once(engine: Engine) -> None:
    mame = make(engine, "Mame")
    with reading(engine) as session:
        for typed in ("mame", "MAME", " mame ", "Mame".translate({ord("M"): "\uff2d"})):
            credentials = service.find_credentials(session, typed)
            assert credentials is not None
            assert (credentials.account, credentials.password_hash) == (mame, HASH)
        assert service.find_credentials(session, "nobody") is None
        for impossible in ("no\x00body", "\ud800", ""):
            assert service.find_credentials(session, impossible) is None


def test_a_taken_name_is_refused_and_the_rest_of_the_transaction_goes_on(engine: Engine) -> None:
    make(engine, "mame")
    with transaction(engine) as session:
        with pytest.raises(NameRefused, match="Somebody has the name 'MAME'"):
            service.create_account(session, "MAME", HASH, NOW)
        service.create_account(session, "豆", HASH, NOW)
    assert count(engine, "accounts") == 2


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 65, "two words", "line\nbreak", "zero\u200bwidth", "\ud800", "n\x00l"]
)
def test_a_name_that_nobody_can_have_is_refused(name: str) -> None:
    with pytest.raises(NameRefused):
        checked_name(name)


@given(st.text(max_size=70))
def test_every_name_that_is_accepted_keeps_its_key(name: str) -> None:
    try:
        shown = checked_name(name)
    except NameRefused:
        return
    assert checked_name(shown) == shown
    assert name_key(shown) == name_key(name) == name_key(name_key(shown)) != ""


def test_accounts_are_listed_a_page_at_a_time_oldest_first(engine: Engine) -> None:
    names = [make(engine, f"name-{number}").name for number in range(5)]
    with reading(engine) as session:
        first = service.list_accounts(session, limit=3)
        rest = service.list_accounts(session, after=first[-1].id, limit=3)
    assert [one.name for one in (*first, *rest)] == names


# ---- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_says_who_is_asking_until_it_is_closed(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        opened = service.open_session(session, mame.id, NOW, "Firefox\n\x00 on a tablet")
    caller = caller_of(engine, opened.secret)
    assert caller == Caller(mame, "session", opened.id)
    with reading(engine) as session:
        (listed,) = service.list_sessions(session, mame.id, NOW)
    assert listed.described == "Firefox on a tablet"
    with transaction(engine) as session:
        service.close_session(session, mame.id, opened.id)
    assert caller_of(engine, opened.secret) is None
    with pytest.raises(SignInNeeded), reading(engine) as session:
        service.get_caller(session, opened.secret, NOW)


def test_a_token_is_in_no_row_and_in_no_message(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        opened = service.open_session(session, mame.id, NOW)
        token = service.create_api_token(session, mame.id, "cron", NOW)
        rows = [*session.execute(text("SELECT * FROM sessions")), *session.execute(text("SELECT * FROM api_tokens"))]
    for secret in (opened.secret, token.secret):
        assert len(secret) > 40
        assert not any(secret in str(row) for row in rows)
        assert secret not in repr((opened, token))


@pytest.mark.parametrize("token", ["", "x", "enogu_s_", "enogu_t_unknown", "\ud800", "enogu_s_\ud800"])
def test_an_unknown_token_is_nobody(engine: Engine, token: str) -> None:
    assert caller_of(engine, token) is None


def test_a_session_runs_out_when_it_is_not_used_and_is_prolonged_when_it_is(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        opened = service.open_session(session, mame.id, NOW)
    assert caller_of(engine, opened.secret, NOW + 29 * DAY) is not None
    assert caller_of(engine, opened.secret, NOW + 30 * DAY) is None
    with transaction(engine) as session:
        caller = service.get_caller(session, opened.secret, NOW + 20 * DAY)
        assert caller.is_stale
        service.note_use(session, caller, NOW + 20 * DAY)
    later = caller_of(engine, opened.secret, NOW + 49 * DAY)
    assert later is not None
    assert caller_of(engine, opened.secret, NOW + 50 * DAY) is None


def test_no_session_outlives_half_a_year_however_much_it_is_used(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        opened = service.open_session(session, mame.id, NOW)
        for days in range(20, 180, 20):
            service.note_use(session, service.get_caller(session, opened.secret, NOW + days * DAY), NOW + days * DAY)
    assert caller_of(engine, opened.secret, NOW + 179 * DAY) is not None
    assert caller_of(engine, opened.secret, NOW + 180 * DAY) is None


def test_uses_within_an_hour_need_no_writing(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        opened = service.open_session(session, mame.id, NOW)
    soon = caller_of(engine, opened.secret, NOW + timedelta(minutes=59))
    later = caller_of(engine, opened.secret, NOW + timedelta(minutes=60))
    assert soon is not None
    assert later is not None
    assert (soon.is_stale, later.is_stale) == (False, True)


def test_a_new_password_signs_out_everywhere_but_here(engine: Engine) -> None:
    mame, other = make(engine, "mame"), make(engine, "other")
    with transaction(engine) as session:
        here, there = (service.open_session(session, mame.id, NOW) for _ in range(2))
        elsewhere = service.open_session(session, other.id, NOW)
        token = service.create_api_token(session, mame.id, "cron", NOW)
        service.set_password(session, mame.id, "new hash", keep_session_id=here.id)
    who = [caller_of(engine, one.secret) is not None for one in (here, there, elsewhere, token)]
    assert who == [True, False, True, True]
    with reading(engine) as session:
        credentials = service.find_credentials(session, "mame")
    assert credentials is not None
    assert credentials.password_hash == "new hash"  # noqa: S105
    assert "new hash" not in repr(credentials)


def test_what_has_run_out_is_swept_and_nothing_else(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        service.open_session(session, mame.id, NOW)
        fresh = service.open_session(session, mame.id, NOW + 20 * DAY)
        service.create_api_token(session, mame.id, "short", NOW, NOW + DAY)
        lasting = service.create_api_token(session, mame.id, "lasting", NOW)
        assert service.sweep_expired(session, NOW + 30 * DAY) == 2
    assert caller_of(engine, fresh.secret, NOW + 30 * DAY) is not None
    assert caller_of(engine, lasting.secret, NOW + 30 * DAY) is not None


# ---- API tokens ------------------------------------------------------------------------------------------------------


def test_an_api_token_says_who_is_asking_until_it_is_revoked(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        token = service.create_api_token(session, mame.id, "nightly runs", NOW)
    caller = caller_of(engine, token.secret)
    assert caller == Caller(mame, "api_token", token.id, is_stale=True)
    with transaction(engine) as session:
        service.note_use(session, caller, NOW + DAY)
        (listed,) = service.list_api_tokens(session, mame.id)
        assert (listed.name, listed.seen_at) == ("nightly runs", NOW + DAY)
        service.revoke_api_token(session, mame.id, token.id)
    assert caller_of(engine, token.secret) is None


def test_an_api_token_with_an_end_holds_until_then(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        token = service.create_api_token(session, mame.id, "workshop", NOW, NOW + DAY)
    assert caller_of(engine, token.secret, NOW + DAY - timedelta(seconds=1)) is not None
    assert caller_of(engine, token.secret, NOW + DAY) is None
    with pytest.raises(WrongUse, match="run out already"), transaction(engine) as session:
        service.create_api_token(session, mame.id, "late", NOW, NOW)


def test_nobody_can_have_tokens_without_number(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_API_TOKENS", 2)
    mame = make(engine, "mame")
    with pytest.raises(WrongUse, match="2 tokens"), transaction(engine) as session:
        for _ in range(3):
            service.create_api_token(session, mame.id, "one more", NOW)


def test_nobody_can_take_back_what_is_somebody_elses(engine: Engine) -> None:
    """Whether it exists is not said either."""
    mame, other = make(engine, "mame"), make(engine, "other")
    with transaction(engine) as session:
        opened = service.open_session(session, mame.id, NOW)
        token = service.create_api_token(session, mame.id, "cron", NOW)
        with pytest.raises(NotFound):
            service.close_session(session, other.id, opened.id)
        with pytest.raises(NotFound):
            service.revoke_api_token(session, other.id, token.id)
        assert service.list_sessions(session, other.id, NOW) == ()
        assert service.list_api_tokens(session, other.id) == ()
    assert caller_of(engine, opened.secret) is not None
    assert caller_of(engine, token.secret) is not None


# ---- everything that one person owns ---------------------------------------------------------------------------------


class Sketches:
    """A slice as others will be; its rows are in a dictionary."""

    slice_name = "sketches"

    def __init__(self, owned: dict[str, list[str]], *, is_busy: bool = False) -> None:
        self.owned = owned
        self.is_busy = is_busy

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        for name in self.owned.get(owner_id, []):
            yield ExportedRecord(f"sketches/{name}.json", {"name": name})
            yield ExportedFile(f"sketches/{name}.png", "0" * 64)

    def delete(self, session: Session, owner_id: str) -> None:
        if self.is_busy:
            raise EnoguError("A sketch is being painted.", "Stop it first.")
        self.owned.pop(owner_id, None)


def test_an_export_has_everything_of_one_owner_and_no_secrets(engine: Engine) -> None:
    mame, other = make(engine, "mame"), make(engine, "other")
    sketches = Sketches({mame.id: ["one"], other.id: ["two"]})
    with transaction(engine) as session:
        service.create_api_token(session, mame.id, "cron", NOW)
        pieces = list(service.export_everything(session, mame.id, [sketches, AccountData()]))
    assert [piece.path for piece in pieces] == ["sketches/one.json", "sketches/one.png", "accounts/account.json"]
    assert isinstance(pieces[-1], ExportedRecord)
    assert pieces[-1].value["name"] == "mame"
    assert pieces[-1].value["api_tokens"] == [{"name": "cron", "created_at": NOW.isoformat()}]
    assert HASH not in str(pieces)


@pytest.mark.parametrize("path", ["other/one.json", "sketches", "sketches/../one", "sketches//one", "/sketches/one"])
def test_a_slice_cannot_export_to_a_path_outside_of_its_own_name(engine: Engine, path: str) -> None:
    class Astray(Sketches):
        def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord]:
            return [ExportedRecord(path, {})]

    mame = make(engine, "mame")
    with pytest.raises(RuntimeError, match="no path under its own name"), reading(engine) as session:
        list(service.export_everything(session, mame.id, [Astray({})]))


def test_a_deleted_account_leaves_nothing_of_its_own_and_everything_of_others(engine: Engine) -> None:
    mame, other = make(engine, "mame"), make(engine, "other")
    sketches = Sketches({mame.id: ["one"], other.id: ["two"]})
    with transaction(engine) as session:
        secrets = [service.open_session(session, mame.id, NOW).secret]
        secrets.append(service.create_api_token(session, mame.id, "cron", NOW).secret)
        kept = service.open_session(session, other.id, NOW).secret
        service.delete_account(session, mame.id, [sketches, AccountData()])
    assert [caller_of(engine, secret) for secret in secrets] == [None, None]
    assert caller_of(engine, kept) is not None
    assert sketches.owned == {other.id: ["two"]}
    assert [count(engine, table) for table in ("accounts", "sessions", "api_tokens")] == [1, 1, 0]
    with pytest.raises(NotFound), reading(engine) as session:
        service.get_account(session, mame.id)


def test_an_account_that_cannot_be_deleted_now_stays_whole(engine: Engine) -> None:
    mame = make(engine, "mame")
    with transaction(engine) as session:
        secret = service.open_session(session, mame.id, NOW).secret
    with pytest.raises(EnoguError, match="Stop it first"), transaction(engine) as session:
        service.delete_account(session, mame.id, [AccountData(), Sketches({}, is_busy=True)])
    assert caller_of(engine, secret) is not None


def test_the_plan_of_an_account_can_be_changed(engine: Engine) -> None:
    """A3: stamina reads the plan's name from the account."""
    mame = make(engine, "mame")
    assert mame.plan_name == "free"
    with transaction(engine) as session:
        service.set_plan(session, mame.id, "pro")
        assert service.get_account(session, mame.id).plan_name == "pro"
        for call in (
            lambda: service.set_plan(session, "nobody", "pro"),
            lambda: service.set_password(session, "nobody", HASH),
            lambda: service.set_admin(session, "nobody", True),
        ):
            with pytest.raises(NotFound):
                call()
