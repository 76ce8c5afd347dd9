"""Who a process is among those that train together."""

from __future__ import annotations

import subprocess
import sys

import pytest

from enogu.cli.members import Member, this_member
from enogu.errors import WrongUse

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}


def test_torchrun_tells_who_one_is() -> None:
    assert this_member(TORCHRUN, 1) == Member(1, 2, 0, "tcp://10.0.0.1:29500")
    assert this_member(TORCHRUN, 2) == this_member(TORCHRUN, 1)
    with pytest.raises(WrongUse, match="started 2 processes and --devices asks for 3"):
        this_member(TORCHRUN, 3)


@pytest.mark.parametrize("environment", [{}, {"RANK": "0", "WORLD_SIZE": "4"}], ids=["nothing", "a cluster's own"])
def test_without_torchrun_one_is_alone_or_starts_the_others(environment: dict[str, str]) -> None:
    assert this_member(environment, 1) == Member()
    first = this_member(environment, 3)
    assert (first.rank, first.size, first.local, first.starts_others) == (0, 3, 0, True)
    assert first.address.startswith("tcp://127.0.0.1:")


ALONE_AND_STUCK = """
import sys, time
from enogu.cli import members
members.LOOK_SECONDS = 0.05
members.GRACE_SECONDS = 0.1
sys.argv = ["enogu", {command!r}]
with members.others_beside(members.Member(0, 3, 0, "tcp://127.0.0.1:1", starts_others=True)):
    print("stuck", flush=True)
    time.sleep({seconds})
print("done")
"""


def test_who_waits_for_a_member_that_is_gone_is_ended_with_a_word() -> None:
    """As between graphics cards, where nothing that Python raises gets through."""
    code = ALONE_AND_STUCK.format(command="there-is-no-such-command", seconds=60)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 1
    assert ended.stdout == "stuck\n"
    assert "another device is gone" in ended.stderr
    assert "--resume" in ended.stderr


def test_members_that_end_well_end_nobody() -> None:
    code = ALONE_AND_STUCK.format(command="--version", seconds=3)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout) == (0, "stuck\ndone\n"), ended.stderr
