"""How often somebody may try to sign in (A1), and that nobody can lock out somebody else by trying."""

from __future__ import annotations

import pytest

from enogu.accounts.entities import TooManyAttempts
from enogu.accounts.sign_in_limits import SignInLimits, network_of


def tries(limits: SignInLimits, name: str, address: str, most: int = 100) -> int:
    """How many tries are let through."""
    for number in range(most):
        try:
            limits.count_attempt(name, address)
        except TooManyAttempts:
            return number
    return most


def test_after_some_tries_one_has_to_wait_and_is_told_how_long() -> None:
    limits = SignInLimits(pair="3 per 5 minutes")
    assert tries(limits, "mame", "192.0.2.1") == 3
    with pytest.raises(TooManyAttempts, match=r"Wait \d minutes") as refused:
        limits.count_attempt("mame", "192.0.2.1")
    assert 60 < refused.value.retry_after_seconds <= 300


def test_somebody_else_at_another_address_can_still_sign_in_to_the_same_account() -> None:
    limits = SignInLimits(pair="3 per 5 minutes")
    tries(limits, "mame", "192.0.2.1")
    limits.count_attempt("mame", "192.0.2.2")


def test_one_address_that_tries_many_names_has_to_wait() -> None:
    limits = SignInLimits(address="5 per 15 minutes")
    assert sum(tries(limits, f"name-{number}", "192.0.2.1", most=1) for number in range(20)) == 5


def test_many_addresses_that_try_one_name_have_to_wait() -> None:
    limits = SignInLimits(name="5 per hour")
    assert sum(tries(limits, "mame", f"192.0.2.{number}", most=1) for number in range(20)) == 5


def test_the_right_password_forgives_the_tries_of_the_same_person_only() -> None:
    limits = SignInLimits(pair="3 per 5 minutes", address="5 per hour")
    assert tries(limits, "mame", "192.0.2.1", most=2) == 2
    limits.forgive("mame", "192.0.2.1")
    assert tries(limits, "mame", "192.0.2.1") == 3, "the address still counts: 2 + 3"


def test_a_household_counts_as_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("testclient") == "testclient"


def test_a_circle_behind_one_address_signs_in_at_a_provider_and_only_a_program_is_stopped() -> None:
    limits = SignInLimits()
    for _ in range(60):
        limits.count_visit("192.0.2.1")
    with pytest.raises(TooManyAttempts):
        limits.count_visit("192.0.2.1")
    for number in range(1, 201):  # and nobody shuts everybody out by coming from many addresses
        limits.count_visit(f"198.51.100.{number}")
    limits.count_visit("203.0.113.1")
