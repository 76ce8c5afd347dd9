"""Stamina on both databases: grants, trials, charges and refunds (A3 to A6), and who gets there first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.errors import NotFound, WrongUse
from enogu.settings import Settings
from enogu.stamina import service
from enogu.stamina.entities import (
    FAILED,
    SUCCEEDED,
    Balance,
    Charge,
    ChargeRefused,
    LedgerEntry,
    Metering,
    NotEnoughStamina,
    Outcome,
    TrialRefused,
    cancelled,
)
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import open_engine, reading, transaction
from tests.unit.stamina.reference_run import PICTURES, reference_recipe

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
METERING = load_metering(SHIPPED)
UNMETERED = METERING.model_copy(update={"metered": False})


@pytest.fixture
def someone(engine: Engine) -> Account:
    return make(engine, "someone")


def make(engine: Engine, name: str, plan_name: str = "free") -> Account:
    with transaction(engine) as session:
        return accounts.create_account(session, name, None, NOW, plan_name=plan_name)


def balance(engine: Engine, account: Account, now: datetime = NOW, metering: Metering = METERING) -> Balance:
    with reading(engine) as session:
        return service.get_balance(session, metering, account, now)


def stamina(engine: Engine, account: Account, now: datetime = NOW) -> int:
    return balance(engine, account, now).stamina


def entries(engine: Engine, account: Account, now: datetime = NOW) -> list[LedgerEntry]:
    """Oldest first."""
    with reading(engine) as session:
        return list(reversed(service.list_entries(session, METERING, account, now, limit=200)))


def reserve(
    engine: Engine, account: Account, run_id: str, quoted: int, now: datetime = NOW, attempt: int = 1
) -> Charge | None:
    with transaction(engine) as session:
        return service.reserve(session, METERING, account, run_id, quoted, now, attempt=attempt)


def settle(engine: Engine, run_id: str, outcome: Outcome, now: datetime = NOW, attempt: int = 1) -> Charge | None:
    with transaction(engine) as session:
        return service.settle(session, run_id, outcome, now, attempt=attempt)


def refund(engine: Engine, run_id: str, amount: int) -> Charge:
    with transaction(engine) as session:
        return service.refund(session, run_id, amount, "a black picture", NOW)


# ---- the plans file --------------------------------------------------------------------------------------------------


def test_the_installations_own_plans_file_is_read_in_place_of_the_shipped_one(enogu_home: Path) -> None:
    """A3: plans are configuration."""
    settings = Settings(enogu_home)
    assert service.read_metering(settings) == METERING
    enogu_home.mkdir()
    shipped = SHIPPED.read_text(encoding="utf-8")
    (enogu_home / "plans.toml").write_text(shipped.replace("stamina_per_day = 150", "stamina_per_day = 20"))
    assert service.read_metering(settings).plans["free"].stamina_per_day == 20


# ---- the day's stamina and trials ------------------------------------------------------------------------------------


def test_looking_gives_the_days_stamina_without_writing_and_the_ledger_adds_up(
    engine: Engine, someone: Account
) -> None:
    """A3, A6: a GET request cannot write, so the first start of a run does."""
    assert stamina(engine, someone) == 150
    (todays,) = entries(engine, someone)
    assert (todays.number, todays.kind, todays.amount, todays.reason) == (1, "granted", 150, "free")
    reserve(engine, someone, "run", 100)
    assert [(one.number, one.kind, one.amount, one.balance_after) for one in entries(engine, someone)] == [
        (1, "granted", 150, 150),
        (2, "reserved", -100, 50),
    ]
    assert stamina(engine, someone) == 50
    assert stamina(engine, someone, NOW + DAY) == 150
    assert [one.amount for one in entries(engine, someone, NOW + DAY)] == [150, -100, 100]


def test_the_day_begins_where_the_plans_file_says(engine: Engine, someone: Account) -> None:
    """The studio's own midnight, the same for everybody: Tokyo's is at 15:00 UTC."""
    tokyo = METERING.model_copy(update={"day_begins_in": "Asia/Tokyo"})
    before, after = datetime(2026, 11, 24, 14, 59, tzinfo=UTC), datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    with transaction(engine) as session:
        service.reserve(session, tokyo, someone, "run", 150, before)
    assert balance(engine, someone, before, tokyo).stamina == 0
    assert balance(engine, someone, before, tokyo).next_day_at == after
    assert balance(engine, someone, after, tokyo).stamina == 150
    assert balance(engine, someone, after, METERING).stamina == 0


def test_a_trial_gives_its_stamina_at_once_for_its_days_and_only_once(engine: Engine, someone: Account) -> None:
    """A3: beginner can be tried for three days, 300 a day."""
    reserve(engine, someone, "run", 100)
    assert balance(engine, someone).can_try == ("beginner",)
    with transaction(engine) as session:
        begun = service.begin_trial(session, METERING, someone, "beginner", NOW)
    assert (begun.stamina, begun.standing.plan.name, begun.standing.trial_ends_on) == (
        200,
        "beginner",
        date(2026, 11, 27),
    )
    assert begun.can_try == ()
    assert [one.amount for one in entries(engine, someone)] == [150, -100, 150]
    for later in (NOW, NOW + 2 * DAY, NOW + 10 * DAY):
        with pytest.raises(TrialRefused), transaction(engine) as session:
            service.begin_trial(session, METERING, someone, "beginner", later)
    assert stamina(engine, someone, NOW + 2 * DAY) == 300
    assert balance(engine, someone, NOW + 3 * DAY).standing.plan.name == "free"
    assert balance(engine, someone, NOW + 3 * DAY).stamina == 200


def test_a_plan_without_trial_or_without_gain_cannot_be_tried(engine: Engine) -> None:
    pro = make(engine, "professional", "pro")
    for account, plan in ((pro, "beginner"), (make(engine, "other"), "pro")):
        with pytest.raises(TrialRefused), transaction(engine) as session:
            service.begin_trial(session, METERING, account, plan, NOW)
    with pytest.raises(WrongUse, match="no plan 'gold'"), transaction(engine) as session:
        service.begin_trial(session, METERING, pro, "gold", NOW)


def test_an_account_whose_plan_is_gone_from_the_file_is_on_the_default_one(engine: Engine) -> None:
    assert balance(engine, make(engine, "early", "founder")).standing.plan.name == "free"


# ---- the life of a run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "charged", "reason"),
    [
        (SUCCEEDED, 97, "succeeded"),
        (FAILED, 0, "failed"),
        (cancelled(3, 10), 29, "cancelled after 3 of 10 epochs"),
    ],
)
def test_a_run_is_charged_by_its_outcome_however_often_that_is_told(
    engine: Engine, someone: Account, outcome: Outcome, charged: int, reason: str
) -> None:
    """A4: tasks are repeated after crashes, so reserve and settle come several times."""
    for _ in range(3):
        assert reserve(engine, someone, "run", 97) == Charge("run", 1, 97)
    for _ in range(3):
        assert settle(engine, "run", outcome) == Charge("run", 1, 97, charged)
    assert settle(engine, "run", SUCCEEDED) == Charge("run", 1, 97, charged)
    assert stamina(engine, someone) == 150 - charged
    last = entries(engine, someone)[-1]
    assert (last.kind, last.amount, last.run_id, last.reason) == ("settled", 97 - charged, "run", reason)


def test_the_reference_run_is_over_the_free_plan_and_proposals_say_what_to_do(engine: Engine, someone: Account) -> None:
    """A5: 157 against 150."""
    with reading(engine) as session:
        args = (session, METERING, someone, reference_recipe(), PICTURES, "sdxl", NOW)
        quoted = service.quote_run(*args, with_proposals=True)
        assert service.quote_run(*args).proposals == ()
    assert (quoted.quote.stamina, quoted.balance.stamina, quoted.is_affordable) == (157, 150, False)
    assert quoted.over_limits == ()
    assert [one.quote.stamina for one in quoted.proposals] == [149, 143, 142, 137]
    with pytest.raises(NotEnoughStamina):
        reserve(engine, someone, "run", quoted.quote.stamina)
    assert stamina(engine, someone) == 150
    for one in quoted.proposals[:1]:
        reserve(engine, someone, "run", one.quote.stamina)


def test_limits_of_the_plan_are_told_with_the_quote(engine: Engine, someone: Account) -> None:
    free = METERING.plans["free"]
    narrow = free.model_copy(update={"limits": free.limits.model_copy(update={"most_steps": 699})})
    metering = METERING.model_copy(update={"plans": {**METERING.plans, "free": narrow}})
    with reading(engine) as session:
        quoted = service.quote_run(session, metering, someone, reference_recipe(), PICTURES, "sdxl", NOW)
    assert [problem.path for problem in quoted.over_limits] == ["training.epochs"]


def test_a_retry_after_a_failure_is_charged_as_another_attempt(engine: Engine, someone: Account) -> None:
    reserve(engine, someone, "run", 100)
    settle(engine, "run", FAILED)
    with pytest.raises(ChargeRefused, match="another attempt"):
        reserve(engine, someone, "run", 100)
    reserve(engine, someone, "run", 100, attempt=2)
    assert settle(engine, "run", SUCCEEDED, attempt=2) == Charge("run", 2, 100, 100)
    assert stamina(engine, someone) == 50


def test_a_run_of_somebody_else_cannot_be_reserved(engine: Engine, someone: Account) -> None:
    other = make(engine, "other")
    reserve(engine, someone, "run", 10)
    with pytest.raises(ChargeRefused, match="somebody else's"):
        reserve(engine, other, "run", 10)
    assert stamina(engine, other) == 150
    assert [one.run_id for one in entries(engine, other)] == [None]


def test_an_administrator_gives_back_what_an_ended_run_cost_once(engine: Engine, someone: Account) -> None:
    """A6: the refund stands in the ledger beside its run, with its reason."""
    with pytest.raises(NotFound):
        refund(engine, "run", 5)
    reserve(engine, someone, "run", 100)
    with pytest.raises(ChargeRefused, match="has not ended"):
        refund(engine, "run", 5)
    settle(engine, "run", SUCCEEDED)
    with pytest.raises(ChargeRefused, match="which cost 100"):
        refund(engine, "run", 101)
    for _ in range(2):
        assert refund(engine, "run", 60).refunded == 60
    with pytest.raises(ChargeRefused, match="refunded 60"):
        refund(engine, "run", 40)
    assert stamina(engine, someone) == 110
    last = entries(engine, someone)[-1]
    assert (last.kind, last.amount, last.run_id, last.reason) == ("refunded", 60, "run", "a black picture")


def test_with_metering_off_nothing_is_counted_and_everything_starts(engine: Engine, someone: Account) -> None:
    """A3: a private studio."""
    with transaction(engine) as session:
        assert service.reserve(session, UNMETERED, someone, "run", 10**6, NOW) is None
        assert service.settle(session, "run", SUCCEEDED, NOW) is None
        quoted = service.quote_run(
            session, UNMETERED, someone, reference_recipe(), PICTURES, "sdxl", NOW, with_proposals=True
        )
        assert service.list_entries(session, UNMETERED, someone, NOW) == ()
    assert quoted.is_affordable
    assert not quoted.balance.is_metered
    assert quoted.proposals == quoted.over_limits == ()


def test_what_was_reserved_before_metering_was_switched_off_is_still_settled(engine: Engine, someone: Account) -> None:
    reserve(engine, someone, "run", 100)
    with transaction(engine) as session:
        charge = service.settle(session, "run", FAILED, NOW)
    assert charge is not None and charge.charged == 0


def test_a_page_of_the_ledger_goes_on_where_the_last_one_ended(engine: Engine, someone: Account) -> None:
    for number in range(5):
        reserve(engine, someone, f"run{number}", 10)
    with reading(engine) as session:
        first = service.list_entries(session, METERING, someone, NOW, limit=4)
        second = service.list_entries(session, METERING, someone, NOW, before=first[-1].number, limit=4)
    assert [one.number for one in (*first, *second)] == [6, 5, 4, 3, 2, 1]


# ---- at the same time ------------------------------------------------------------------------------------------------


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """Each in a thread of its own, all let go together; what it gave or raised."""
    together = threading.Barrier(len(calls))
    answers: list[object] = [None] * len(calls)

    def run(index: int) -> None:
        together.wait()
        try:
            answers[index] = calls[index]()
        except Exception as error:
            answers[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def in_own_process(url: str, call: Callable[[Engine], object]) -> Callable[[], object]:
    """``call`` with an engine, and so connections, of its own."""

    def run() -> object:
        engine = open_engine(url)
        try:
            return call(engine)
        finally:
            engine.dispose()

    return run


def test_runs_started_at_once_cannot_spend_more_than_there_is(
    engine: Engine, database_url: str, someone: Account
) -> None:
    """A4: 150 is enough for two of six runs at 60, and the very first purse is made by one of them."""
    runs = [f"run{number}" for number in range(6)]
    answers = at_once(
        [in_own_process(database_url, lambda own, run=run: reserve(own, someone, run, 60)) for run in runs]
    )
    assert sum(isinstance(one, Charge) for one in answers) == 2
    assert sum(isinstance(one, NotEnoughStamina) for one in answers) == 4
    assert stamina(engine, someone) == 30
    assert [one.number for one in entries(engine, someone)] == [1, 2, 3]
    assert sum(one.amount for one in entries(engine, someone)) == 30


def test_one_run_started_and_ended_many_times_at_once_is_charged_once(
    engine: Engine, database_url: str, someone: Account
) -> None:
    same = at_once([in_own_process(database_url, lambda own: reserve(own, someone, "run", 60)) for _ in range(4)])
    assert same == [Charge("run", 1, 60)] * 4
    outcomes = [SUCCEEDED, FAILED, cancelled(1, 2), FAILED]
    ends = at_once([in_own_process(database_url, lambda own, end=end: settle(own, "run", end)) for end in outcomes])
    assert len(set(ends)) == 1
    assert [one.kind for one in entries(engine, someone)] == ["granted", "reserved", "settled"]


def test_the_database_itself_refuses_a_balance_below_zero(engine: Engine, someone: Account) -> None:
    reserve(engine, someone, "run", 100)
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.execute(text("UPDATE stamina_purses SET balance = -1"))


# ---- all of one owner's ----------------------------------------------------------------------------------------------


def test_the_ledger_is_exported_and_deleted_with_its_owner(engine: Engine, someone: Account) -> None:
    """J3, and a run that ends afterwards harms nobody."""
    other = make(engine, "other")
    for account, run in ((someone, "mine"), (other, "theirs")):
        reserve(engine, account, run, 10)
    with transaction(engine) as session:
        service.begin_trial(session, METERING, someone, "beginner", NOW)
    with reading(engine) as session:
        (record,) = service.StaminaData().export(session, someone.id)
    assert record.path == "stamina/ledger.json"
    assert [one["amount"] for one in record.value["entries"]] == [150, -10, 150]
    assert record.value["trials"] == [{"plan": "beginner", "ends_on": "2026-11-27"}]
    with transaction(engine) as session:
        service.StaminaData().delete(session, someone.id)
    assert settle(engine, "mine", FAILED) is None
    assert stamina(engine, someone) == 150
    assert len(entries(engine, other)) == 2


def test_a_quote_does_not_depend_on_who_asks(engine: Engine, someone: Account) -> None:
    """A4: the price is a function of the run alone."""
    with reading(engine) as session:
        args = (reference_recipe(), PICTURES, "sdxl", NOW)
        quotes = {
            service.quote_run(session, METERING, replace(someone, plan_name=plan), *args).quote.stamina
            for plan in METERING.plans
        }
    assert quotes == {157}
