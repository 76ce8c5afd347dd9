"""The noise that is put on pictures in training, and how much each strength of it counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enogu.recipe.section import Section, about

Prediction = Literal["as_base", "epsilon", "v_prediction"]


class NoiseRules(Section):
    """The noise that is put on pictures in training, and how much each strength of it counts."""

    min_snr_gamma: float | None = Field(
        default=None, gt=0, le=100, json_schema_extra=about("F12", kohya="min_snr_gamma", advanced=True, default="off")
    )
    """Lets nearly clean pictures count less, which learns faster; 5 is usual."""

    debiased: bool = Field(
        default=False, json_schema_extra=about("F12", kohya="debiased_estimation_loss", advanced=True)
    )
    """Lets noisy pictures count more, by the root of the signal in them; another way to what min-SNR does."""

    scale_v_loss: bool = Field(
        default=False, json_schema_extra=about("F12", kohya="scale_v_pred_loss_like_noise_pred", advanced=True)
    )
    """With a v-prediction base model, lets each strength of noise count as it would in predicting the noise."""

    v_like_loss: float = Field(
        default=0.0, ge=0, le=10, json_schema_extra=about("F12", kohya="v_pred_like_loss", advanced=True)
    )
    """Adds this much of a loss that counts as v-prediction does, which favours the large shapes; 0 is off."""

    offset: float = Field(default=0.0, ge=0, le=1, json_schema_extra=about("F20", kohya="noise_offset", advanced=True))
    """Teaches very dark and very bright pictures; 0.05 to 0.1 is usual, 0 is off."""

    random_offset: bool = Field(
        default=False, json_schema_extra=about("F20", kohya="noise_offset_random_strength", advanced=True)
    )
    """Takes another strength each time, from nothing up to the noise offset."""

    adaptive_offset: float = Field(
        default=0.0, ge=-1, le=1, json_schema_extra=about("F20", kohya="adaptive_noise_scale", advanced=True)
    )
    """Raises the noise offset by this times how far a picture is from middle grey; below 0 it lowers it."""

    multires_iterations: int = Field(
        default=0, ge=0, le=16, json_schema_extra=about("F21", kohya="multires_noise_iterations", advanced=True)
    )
    """Adds coarse noise in this many sizes, for wider tones and composition; 6 to 10 is usual, 0 is off."""

    multires_discount: float = Field(
        default=0.3, gt=0, le=1, json_schema_extra=about("F22", kohya="multires_noise_discount", advanced=True)
    )
    """How much of the coarse noise is kept from each size to the next coarser one."""

    input_perturbation: float = Field(
        default=0.0, ge=0, le=1, json_schema_extra=about("F28", kohya="ip_noise_gamma", advanced=True)
    )
    """Shows a little more noise than it asks to find, which makes it less exact and less brittle; 0.1 is usual."""

    random_input_perturbation: bool = Field(
        default=False, json_schema_extra=about("F28", kohya="ip_noise_gamma_random_strength", advanced=True)
    )
    """Takes another strength each time, from nothing up to the input perturbation."""

    min_timestep: int = Field(
        default=0, ge=0, le=999, json_schema_extra=about("F28", kohya="min_timestep", advanced=True)
    )
    """The least noise that is trained, from 0 for none; raising it leaves out the finest details."""

    max_timestep: int = Field(
        default=1000, ge=1, le=1000, json_schema_extra=about("F28", kohya="max_timestep", advanced=True)
    )
    """Noise below this strength is trained, up to 1000 for all; lowering it leaves out composition."""

    prediction: Prediction = Field(default="as_base", json_schema_extra=about("C3", advanced=True))
    """What the base model was made to say, the noise (epsilon) or v; it mostly tells so itself."""

    zero_terminal_snr: bool = Field(
        default=False, json_schema_extra=about("C3", kohya="zero_terminal_snr", advanced=True)
    )
    """Lets the strongest noise hide all of a picture, as v-prediction base models made so expect."""
