"""The plans file (A3): what ships, and every typing error met at the start with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu.errors import WrongUse
from enogu.stamina.rules.plan_file import SHIPPED, load_metering, parse_metering

TEXT = SHIPPED.read_text(encoding="utf-8")


def test_the_shipped_plans_are_those_of_the_product() -> None:
    """A3: free 150 a day; beginner 300 with a trial of 3 days; pro 700 with priority."""
    metering = load_metering(SHIPPED)
    assert metering.metered and metering.default_plan == "free" and metering.day_begins_in == "UTC"
    told = {p.name: (p.stamina_per_day, p.trial_days, p.trial_stamina) for p in metering.plans.values()}
    assert told == {"free": (150, 0, 0), "beginner": (300, 3, 300), "pro": (700, 0, 0)}
    priority = {name: plan.queue_priority for name, plan in metering.plans.items()}
    assert priority["pro"] < priority["free"] == priority["beginner"]


def test_a_plan_is_found_by_its_name_or_refused_with_the_names_there_are() -> None:
    metering = load_metering(SHIPPED)
    assert metering.plan("pro").stamina_per_day == 700
    with pytest.raises(WrongUse, match="There are: free, beginner, pro"):
        metering.plan("gold")


def test_metering_can_be_switched_off() -> None:
    """A3: a private studio counts nothing."""
    assert not parse_metering(TEXT.replace("metered = true", "metered = false")).metered


@pytest.mark.parametrize(
    ("was", "becomes", "named"),
    [
        ("metered = true", "metered = 1", "metered"),
        ("metered = true", "", "metered"),
        ("metered = true", "metered = true\nmetred = true", "metred"),
        ('default_plan = "free"', 'default_plan = "gold"', "gold"),
        ('"UTC"\n\n# ----', '"Mars/Phobos"\n\n# ----', "Mars/Phobos"),
        ("stamina_per_day = 150", "stamina_per_day = -1", "plans.free.stamina_per_day"),
        ("stamina_per_day = 150", "stamina_per_day = 150.5", "plans.free.stamina_per_day"),
        ("stamina_per_day = 150", 'stamina_per_day = "150"', "plans.free.stamina_per_day"),
        ("trial_stamina = 300", "trial_stamina = 0", "trial_days and trial_stamina"),
        ("queue_priority = 1\n", "queue_priority = 0\n", "plans.pro.queue_priority"),
        ("most_waiting_runs = 100", "most_wating_runs = 100", "most_wating_runs"),
        ("per_picture = 0.08", "per_picture = 0", "price.families.sdxl.per_picture"),
        ("per_picture = 0.08", "per_picture = true", "price.families.sdxl.per_picture"),
        ("per_picture = 0.08", "per_picture = nan", "price.families.sdxl.per_picture"),
        ("per_step = 0.02", "per_step = 0.021", "per_step is over a quarter"),
        ("dim_that_doubles = 1024", "dim_that_doubles = 0", "price.dim_that_doubles"),
        ("[plans.pro]", "[plans.Pro]", "Pro"),
        ("[price]", "[price", "TOML"),
    ],
)
def test_a_wrong_plans_file_is_refused_by_its_key(was: str, becomes: str, named: str) -> None:
    assert was in TEXT
    with pytest.raises(WrongUse) as refused:
        parse_metering(TEXT.replace(was, becomes, 1), "/etc/enogu/plans.toml")
    assert named in refused.value.message
    assert "/etc/enogu/plans.toml" in refused.value.message
    assert refused.value.cure


def test_an_empty_plans_file_is_refused_and_not_taken_for_a_free_studio() -> None:
    with pytest.raises(WrongUse, match="plans"):
        parse_metering("")


def test_a_plans_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"plans\.toml cannot be read"):
        load_metering(tmp_path / "plans.toml")
    (tmp_path / "plans.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrongUse, match="UTF-8"):
        load_metering(tmp_path / "plans.toml")
    (tmp_path / "plans.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(WrongUse, match="too large"):
        load_metering(tmp_path / "plans.toml")


def test_a_file_written_by_notepad_is_read(tmp_path: Path) -> None:
    """With a byte order mark and Windows line ends."""
    (tmp_path / "plans.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_metering(tmp_path / "plans.toml") == load_metering(SHIPPED)
