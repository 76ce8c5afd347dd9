"""Who a process is among those that train together."""

from __future__ import annotations

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
