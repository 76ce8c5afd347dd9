"""Passwords (A1): argon2id, the rules for new ones, and that only a few are hashed at once."""

from __future__ import annotations

import threading

import pytest

from enogu.accounts import passwords
from enogu.accounts.entities import PasswordRefused, TooManyAttempts
from enogu.accounts.passwords import hash_password, is_outdated, matches

GOOD = "面相筆 and 群青"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(GOOD, "mame")


def test_the_hash_is_argon2id_and_not_the_password(hashed: str) -> None:
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in hashed
    assert not is_outdated(hashed)


def test_only_the_right_password_matches(hashed: str) -> None:
    assert matches(hashed, GOOD)
    assert not matches(hashed, GOOD + " ")


def test_the_same_letters_typed_on_another_keyboard_match(hashed: str) -> None:
    """Full-width Latin letters, as a Japanese keyboard gives them, are the same password."""
    assert matches(hashed, GOOD.replace("and", "ａｎｄ"))


def test_nothing_matches_where_there_is_no_password() -> None:
    assert not matches(None, "nobody has this password")


@pytest.mark.parametrize("odd", ["", "\ud800", "a" * 5000, "\x00" * 8])
def test_no_input_breaks_the_comparison(hashed: str, odd: str) -> None:
    assert not matches(hashed, odd)
    assert not matches("no hash at all", odd)


@pytest.mark.parametrize(
    ("password", "rule"),
    [("seven77", "at least 8"), ("a" * 257, "over 256"), ("abababab", "over and over"), ("MAMEmame", "name itself")],
)
def test_a_password_that_is_no_good_is_refused_with_its_rule(password: str, rule: str) -> None:
    with pytest.raises(PasswordRefused, match=rule):
        hash_password(password, "mamemame")


def test_who_waits_too_long_for_a_turn_is_sent_away(hashed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else forty people signing in would leave no thread for anybody else."""
    monkeypatch.setattr(passwords, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.01)
    with passwords._a_turn(), pytest.raises(TooManyAttempts, match="few seconds"):
        matches(hashed, GOOD)
    assert matches(hashed, GOOD)
