"""Families of base models by name, and what a person calls them. One LoRA fits all base models of one family."""

from __future__ import annotations

from typing import Literal

Family = Literal["sd15", "sd2", "sdxl", "flux"]
PredictionType = Literal["epsilon", "v_prediction", "flow"]
Derivative = Literal["", "pony", "illustrious", "noobai", "schnell"]
"""A family's branch whose LoRAs fit each other best; empty for the family itself."""

TITLES: dict[str, str] = {"sd15": "SD1.5", "sd2": "SD2", "sdxl": "SDXL", "flux": "Flux"}


TRAINED: tuple[Family, ...] = ("sd15", "sdxl", "flux")
"""The families that the engine trains and draws with."""


def trained_titles() -> str:
    """To be read after "families": ``SD1.5 or SDXL``."""
    *most, last = [TITLES[family] for family in TRAINED]
    return f"{', '.join(most)} or {last}"


def title(family: str) -> str:
    """As a person writes it: ``SDXL`` for ``sdxl``; what is not known stays as it is."""
    return TITLES.get(family, family or "an unknown family")


def why_not_together(lora: str, lora_family: str, base_model: str, base_family: str) -> str:
    """Why a LoRA cannot be used with a base model, naming both; empty when it can (C5)."""
    if lora_family == base_family:
        return ""
    return (
        f"The LoRA '{lora}' is for {title(lora_family)}, and the base model '{base_model}' is {title(base_family)}: "
        "the two do not fit."
    )
