"""NumPy 2 asks whatever it reads with ``copy=…``; torch's tensors know that word from a later version on.

Until then NumPy warns each time a tensor is read, as diffusers' Euler, DPM++ and UniPC do with their noise schedule,
and says that it will stop to read them. A filter would hide that; here tensors learn the word.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch


def teach_tensors_to_copy() -> None:
    """Give ``torch.Tensor.__array__`` NumPy 2's ``copy``, if it does not have it; what it gives else is as before."""
    plain: Any = torch.Tensor.__array__
    if "copy" in inspect.signature(plain).parameters:
        return

    def read(self: torch.Tensor, dtype: Any = None, *, copy: bool | None = None) -> Any:
        shared = plain(self)
        made = shared if dtype is None else plain(self, dtype)
        if copy is False and made is not shared and made.dtype != shared.dtype:
            raise ValueError("The tensor has another dtype, so it cannot be read without a copy.")
        return made.copy() if copy else made

    torch.Tensor.__array__ = read  # type: ignore[method-assign]
