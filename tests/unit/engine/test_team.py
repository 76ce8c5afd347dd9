"""What each member of a team passes through the networks; their sums are tested with real processes (integration)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enogu.engine.control import Asked
from enogu.engine.data.loader import TrainBatch
from enogu.engine.team import ALONE, Team


def batch_of(count: int, *, masked: bool) -> TrainBatch:
    numbers = torch.arange(float(count))
    return TrainBatch(
        noisy_BCHW=numbers.view(-1, 1, 1, 1),
        target_BCHW=numbers.view(-1, 1, 1, 1) + 0.5,
        timesteps_B=numbers,
        sizes_B6=numbers[:, None].expand(-1, 6),
        captions=tuple(str(number) for number in range(count)),
        weights_B=numbers,
        masks_B1HW=numbers.view(-1, 1, 1, 1) if masked else None,
    )


@given(st.integers(1, 9), st.integers(1, 6), st.booleans())
def test_the_shares_of_all_are_the_batch_in_its_order(count: int, size: int, masked: bool) -> None:
    whole = batch_of(count, masked=masked)
    shares = [Team(rank, size).share_of(whole) for rank in range(size)]
    assert sum(part for _, part in shares) == pytest.approx(1)
    given_out = [share for share, _ in shares if share is not None]
    assert tuple(caption for share in given_out for caption in share.captions) == whole.captions
    for name in ("noisy_BCHW", "target_BCHW", "timesteps_B", "sizes_B6", "weights_B"):
        assert torch.equal(torch.cat([getattr(share, name) for share in given_out]), getattr(whole, name))
    assert all((share.masks_B1HW is not None) == masked for share in given_out)
    assert all(len(share.captions) / count == pytest.approx(part) for share, part in shares if share is not None)


def test_one_alone_does_all_by_itself() -> None:
    whole = batch_of(3, masked=False)
    assert ALONE.share_of(whole) == (whole, 1.0)
    assert ALONE.leads
    assert ALONE.agreed(lambda: Asked(save=True)) == Asked(save=True)
    assert ALONE.first_the_leader(lambda: "done") == "done"
