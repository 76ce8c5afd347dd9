"""The ledger's rules (A4, A6), held over histories: never below zero, nothing twice, never more than quoted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from enogu.stamina.entities import FAILED, SUCCEEDED, Charge, ChargeRefused, NotEnoughStamina, Outcome, Purse, cancelled
from enogu.stamina.rules.ledger import Move, cost_of, open_day, refund, reserve, settle

DAY = date(2026, 3, 1)
NEXT = DAY + timedelta(days=1)
FREE, BEGINNER = 150, 300


def test_a_new_day_fills_up_and_keeps_what_is_over() -> None:
    """A3: 150 a day; nothing lapses (J3)."""
    first = open_day(Purse(), DAY, FREE)
    assert (first.purse.balance, first.kind, first.amount) == (150, "granted", 150)
    rich = open_day(Purse(400, DAY, FREE), NEXT, FREE)
    assert (rich.purse.balance, rich.kind) == (400, None)
    assert open_day(Purse(40, DAY, FREE), NEXT, FREE).amount == 110


def test_the_same_day_gives_nothing_again_not_even_after_spending() -> None:
    assert open_day(Purse(3, DAY, FREE), DAY, FREE) == Move(Purse(3, DAY, FREE))


def test_a_clock_set_back_gives_nothing() -> None:
    assert open_day(Purse(3, NEXT, FREE), DAY, FREE).kind is None


def test_a_better_plan_adds_its_difference_on_the_same_day_once() -> None:
    """A3: from free to beginner in the middle of a day, to and fro."""
    better = open_day(Purse(20, DAY, FREE), DAY, BEGINNER)
    assert (better.purse.balance, better.amount) == (170, 150)
    back = open_day(better.purse, DAY, FREE)
    again = open_day(back.purse, DAY, BEGINNER)
    assert again.purse.balance == 170


def test_the_reference_run_is_refused_on_the_free_plan_with_both_numbers() -> None:
    """A5: over the balance, and the message says by how much and what helps."""
    with pytest.raises(NotEnoughStamina, match="costs 157 stamina, and there are 150") as refused:
        reserve(Purse(150), None, "run", 1, 157)
    assert (refused.value.needed, refused.value.balance) == (157, 150)
    assert "fewer pictures or fewer steps" in refused.value.cure


def test_a_run_may_cost_all_there_is() -> None:
    assert reserve(Purse(157), None, "run", 1, 157).purse.balance == 0


@pytest.mark.parametrize(
    ("outcome", "charged"),
    [
        (SUCCEEDED, 157),
        (FAILED, 0),
        (cancelled(0, 10), 0),
        (cancelled(1, 10), 15),
        (cancelled(9, 10), 141),
        (cancelled(10, 10), 157),
    ],
)
def test_a_run_costs_what_it_delivered_rounded_down(outcome: Outcome, charged: int) -> None:
    """A4: the quote is the bill; failed is free; a cancelled one pays for the epochs it delivered."""
    reserved = reserve(Purse(200), None, "run", 1, 157)
    assert reserved.charge is not None
    settled = settle(reserved.purse, reserved.charge, outcome)
    assert settled.charge is not None
    assert settled.charge.charged == charged == cost_of(157, outcome)
    assert settled.purse.balance == 200 - charged


def test_a_cancelled_run_cannot_have_delivered_more_epochs_than_it_has() -> None:
    for outcome in (cancelled(11, 10), cancelled(-1, 10), cancelled(0, 0)):
        with pytest.raises(ChargeRefused):
            cost_of(157, outcome)


def test_the_first_outcome_counts() -> None:
    """A task that is repeated after a crash changes nothing, even when it has another opinion."""
    over = Charge("run", 1, 157, charged=0)
    assert settle(Purse(10), over, SUCCEEDED) == Move(Purse(10), charge=over)


def test_a_settled_run_is_not_reserved_again_for_nothing() -> None:
    with pytest.raises(ChargeRefused, match="another attempt"):
        reserve(Purse(500), Charge("run", 1, 157, charged=0), "run", 1, 157)


def test_a_reserved_run_keeps_its_price() -> None:
    """A4: never charged more than quoted, so a second price for the same run is refused and not taken."""
    with pytest.raises(ChargeRefused, match="157 stamina, not for 160"):
        reserve(Purse(500), Charge("run", 1, 157), "run", 1, 160)


@pytest.mark.parametrize("quoted", [0, -5, 10**9 + 1])
def test_a_quote_of_nothing_or_of_everything_is_refused(quoted: int) -> None:
    with pytest.raises(ChargeRefused):
        reserve(Purse(500), None, "run", 1, quoted)


@pytest.mark.parametrize(
    ("charge", "stamina"),
    [
        (Charge("run", 1, 157), 1),
        (Charge("run", 1, 157, charged=100), 101),
        (Charge("run", 1, 157, charged=100), 0),
        (Charge("run", 1, 157, charged=0), 1),
        (Charge("run", 1, 157, charged=100, refunded=50), 40),
    ],
)
def test_a_refund_is_never_more_than_what_was_charged_and_given_once(charge: Charge, stamina: int) -> None:
    with pytest.raises(ChargeRefused):
        refund(Purse(), charge, stamina)


@given(st.integers(1, 10**9), st.integers(1, 10_000), st.data())
def test_more_delivered_epochs_never_cost_less_and_all_cost_the_quote(
    quoted: int, epochs: int, data: st.DataObject
) -> None:
    """A4, rounded in the person's favour: never over the exact share."""
    some = data.draw(st.integers(0, epochs))
    more = data.draw(st.integers(some, epochs))
    assert cost_of(quoted, cancelled(some, epochs)) <= cost_of(quoted, cancelled(more, epochs)) <= quoted
    assert cost_of(quoted, cancelled(some, epochs)) * epochs <= quoted * some
    assert cost_of(quoted, cancelled(epochs, epochs)) == quoted


@dataclass
class _Run:
    charge: Charge | None = None
    first_outcome: Outcome | None = None
    written: list[str] = field(default_factory=list[str])


class Histories(RuleBasedStateMachine):
    """Any order of days, runs, outcomes, refunds and repetitions of each."""

    @initialize()
    def begin(self) -> None:
        self.purse = Purse()
        self.today = DAY
        self.amounts: list[int] = []
        self.runs: dict[str, _Run] = {}
        self.given_by_day: dict[date, int] = {}

    def apply(self, move: Move, run: _Run | None = None) -> None:
        assert move.purse.balance - self.purse.balance == move.amount
        assert move.kind is not None or move.amount == 0
        self.purse = move.purse
        if move.kind is not None:
            self.amounts.append(move.amount)
        if run is not None:
            run.charge = move.charge
            if move.kind is not None:
                assert move.kind not in run.written, "the same movement twice"
                run.written.append(move.kind)

    @rule(days=st.integers(-2, 3), stamina_per_day=st.sampled_from([0, FREE, BEGINNER, 700]))
    def look(self, days: int, stamina_per_day: int) -> None:
        self.today += timedelta(days=days)
        move = open_day(self.purse, self.today, stamina_per_day)
        self.given_by_day[self.today] = self.given_by_day.get(self.today, 0) + move.amount
        self.apply(move)

    @rule(name=st.sampled_from("abcd"), quoted=st.integers(1, 400))
    def start(self, name: str, quoted: int) -> None:
        run = self.runs.setdefault(name, _Run())
        before = self.purse
        try:
            self.apply(reserve(self.purse, run.charge, name, 1, quoted), run)
        except NotEnoughStamina as refused:
            assert refused.needed > refused.balance == before.balance
        except ChargeRefused:
            assert run.charge is not None
        assert run.charge is not None or self.purse == before

    @rule(
        name=st.sampled_from("abcd"),
        outcome=st.one_of(
            st.sampled_from([SUCCEEDED, FAILED]),
            st.tuples(st.integers(0, 10), st.just(10)).map(lambda pair: cancelled(*pair)),
        ),
    )
    def end(self, name: str, outcome: Outcome) -> None:
        run = self.runs.get(name)
        if run is None or run.charge is None:
            return
        run.first_outcome = run.first_outcome or outcome
        self.apply(settle(self.purse, run.charge, outcome), run)

    @rule(name=st.sampled_from("abcd"), stamina=st.integers(1, 400))
    def give_back(self, name: str, stamina: int) -> None:
        run = self.runs.get(name)
        if run is None or run.charge is None:
            return
        before = self.purse
        try:
            self.apply(refund(self.purse, run.charge, stamina), run)
        except ChargeRefused:
            assert self.purse == before

    @invariant()
    def the_balance_is_never_below_zero_and_is_the_sum_of_its_entries(self) -> None:
        assert self.purse.balance >= 0
        assert self.purse.balance == sum(self.amounts)

    @invariant()
    def no_run_costs_more_than_its_quote(self) -> None:
        for run in self.runs.values():
            charge = run.charge
            if charge is None:
                continue
            assert run.written == ["reserved", "settled", "refunded"][: len(run.written)]
            if charge.charged is not None:
                assert run.first_outcome is not None
                assert 0 <= charge.charged <= charge.quoted
                assert charge.charged == cost_of(charge.quoted, run.first_outcome)
                assert 0 <= (charge.refunded or 0) <= charge.charged

    @invariant()
    def no_day_gives_more_than_the_best_plan(self) -> None:
        assert all(0 <= given <= 700 for given in self.given_by_day.values())


Histories.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestHistories = Histories.TestCase
