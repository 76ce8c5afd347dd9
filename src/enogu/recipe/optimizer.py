"""How weights are changed: the optimizer, its learning rates and its own numbers.

One class per kind, told apart by ``kind``. A second kind makes ``Optimizer`` a tagged union, as ``Schedule`` is.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enogu.recipe.section import Section, about


class AdamW(Section):
    """AdamW: the usual choice, steady and well understood."""

    kind: Literal["adamw"] = Field(default="adamw", json_schema_extra=about("F9", kohya="optimizer_type"))
    """The method that changes the weights."""

    learning_rate: float = Field(default=1e-4, gt=1e-7, le=1, json_schema_extra=about("F5", kohya="learning_rate"))
    """How big each change is: too small learns nothing, too big spoils the picture."""

    unet_learning_rate: float | None = Field(
        default=None,
        gt=1e-7,
        le=1,
        json_schema_extra=about("F5", kohya="unet_lr", advanced=True, default="learning_rate"),
    )
    """The learning rate of the U-Net, if it is to differ."""

    text_encoder_learning_rate: float | None = Field(
        default=None,
        gt=1e-7,
        le=1,
        json_schema_extra=about("F5", kohya="text_encoder_lr", advanced=True, default="learning_rate"),
    )
    """The learning rate of the text encoder, if it is to differ; half of the U-Net's is usual."""

    weight_decay: float = Field(
        default=0.01, ge=0, le=10, json_schema_extra=about("F9", kohya="optimizer_args.weight_decay", advanced=True)
    )
    """How strongly weights are pulled back towards zero, which holds back learning by heart."""

    beta1: float = Field(
        default=0.9, ge=0, lt=1, json_schema_extra=about("F9", kohya="optimizer_args.betas[0]", advanced=True)
    )
    """How much of the last direction each step keeps."""

    beta2: float = Field(
        default=0.999, ge=0, lt=1, json_schema_extra=about("F9", kohya="optimizer_args.betas[1]", advanced=True)
    )
    """How slowly the measure of each weight's usual step changes."""

    epsilon: float = Field(
        default=1e-8, gt=0, le=0.1, json_schema_extra=about("F9", kohya="optimizer_args.eps", advanced=True)
    )
    """A tiny number that keeps the step from being divided by zero."""

    max_grad_norm: float = Field(
        default=1.0, ge=0, le=1000, json_schema_extra=about("F9", kohya="max_grad_norm", advanced=True)
    )
    """A step larger than this is cut down to it, so that one odd picture cannot spoil the run; 0 never cuts."""

    @property
    def unet_rate(self) -> float:
        """The learning rate the U-Net really gets."""
        return self.learning_rate if self.unet_learning_rate is None else self.unet_learning_rate

    @property
    def text_encoder_rate(self) -> float:
        """The learning rate the text encoder really gets."""
        return self.learning_rate if self.text_encoder_learning_rate is None else self.text_encoder_learning_rate


Optimizer = AdamW
