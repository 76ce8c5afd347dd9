"""The whole recipe of a training run: start reading here.

Each section is a file of its own beside this one. To add an option: one field with its range and its sentence in its
section, its use in the engine, and a test. Form, command-line setting, docs page, JSON schema and file format follow.
A ``TrainRecipe`` that exists is valid: fields are checked by their types, contradictions between fields at the end.
"""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from enogu.recipe.adapter import PARTS, Adapter, LoraAdapter
from enogu.recipe.captions import CaptionRules
from enogu.recipe.contradictions import refuse_contradictions
from enogu.recipe.flow import FlowRules
from enogu.recipe.loss import Loss, SquaredLoss
from enogu.recipe.noise import NoiseRules
from enogu.recipe.optimizer import AdamW, Optimizer
from enogu.recipe.pictures import PictureRules
from enogu.recipe.previews import PreviewRules
from enogu.recipe.saving import SavingRules
from enogu.recipe.schedules import CosineWithRestartsSchedule, Schedule
from enogu.recipe.section import Section, about, refuse
from enogu.recipe.training import TrainingRules

_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_MAX_NAME_BYTES = 200  # file systems allow 255, and "-000010.safetensors" and ".part" names are added


class TrainRecipe(Section):
    """Everything that decides what a training run does, and nothing about who runs it where."""

    output_name: str = Field(default="lora", json_schema_extra=about("B8", kohya="output_name"))
    """The name of the LoRA file, without folder and without ending."""

    trigger: str = Field(default="", max_length=100, json_schema_extra=about("D8"))
    """The word that calls what is learnt; it is put first in every caption."""

    base_model: str = Field(
        default="starter", min_length=1, json_schema_extra=about("C2", kohya="pretrained_model_name_or_path")
    )
    """The base model that is taught: a name from the list of base models, or a path."""

    seed: int = Field(default=42, ge=0, le=2**32 - 1, json_schema_extra=about("F23", kohya="seed"))
    """The number all chance comes from: the same recipe with the same seed gives the same file."""

    start_from: str = Field(
        default="", max_length=500, json_schema_extra=about("G6", kohya="network_weights", advanced=True)
    )
    """A LoRA that is trained further in place of a new one: the path of a file, or a file of another run."""

    pictures: PictureRules = Field(default_factory=PictureRules)
    """How pictures enter training."""

    captions: CaptionRules = Field(default_factory=CaptionRules)
    """What is done to captions."""

    adapter: Adapter = Field(default_factory=LoraAdapter)
    """What is trained."""

    optimizer: Optimizer = Field(default_factory=AdamW)
    """How the weights are changed."""

    schedule: Schedule = Field(default_factory=CosineWithRestartsSchedule)
    """How the learning rate moves."""

    training: TrainingRules = Field(default_factory=TrainingRules)
    """How long and in what portions."""

    loss: Loss = Field(default_factory=SquaredLoss)
    """How errors are measured."""

    noise: NoiseRules = Field(default_factory=NoiseRules)
    """What noise is learnt from."""

    flow: FlowRules = Field(default_factory=FlowRules)
    """How a base model of rectified flow (Flux) is trained."""

    saving: SavingRules = Field(default_factory=SavingRules)
    """Which files are left."""

    previews: PreviewRules = Field(default_factory=PreviewRules)
    """Which pictures are drawn on the way."""

    @property
    def trained_parts(self) -> tuple[str, ...]:
        """What learns: "unet" (Flux' transformer too), "text_encoder" (one or both CLIP), "t5"."""
        parts = PARTS[self.adapter.parts]
        return (*parts, "t5") if self.training.train_t5 else parts

    @property
    def parts_name(self) -> str:
        """One word for ``trained_parts``: runs of one word can be as quick as each other."""
        return f"{self.adapter.parts}_and_t5" if self.training.train_t5 else self.adapter.parts

    @field_validator("output_name")
    @classmethod
    def _is_a_file_name_everywhere(cls, name: str) -> str:
        """A plain file name on Linux, macOS and Windows alike, since files are shared between them."""
        if not name.strip():
            refuse("the name is empty.", "Give the LoRA a name.")
        if bad := sorted(set(_NOT_IN_FILE_NAMES.findall(name))):
            shown = " ".join(repr(character)[1:-1] for character in bad)
            refuse(f"{name!r} holds {shown}, which a file name cannot.", "Use letters, digits, - and _.")
        if name.startswith(".") or name != name.strip() or name.endswith("."):
            refuse(f"{name!r} begins or ends with a dot or a blank.", "Leave those out.")
        if _WINDOWS_DEVICES.fullmatch(name):
            refuse(f"{name!r} is reserved by Windows, which cannot open such a file.", "Choose another name.")
        if name.lower().endswith(".safetensors"):
            refuse("the ending .safetensors is added by itself.", f"Write {name[: -len('.safetensors')]!r}.")
        if len(name.encode("utf-8")) > _MAX_NAME_BYTES:
            refuse(f"the name is longer than {_MAX_NAME_BYTES} bytes.", "Choose a shorter name.")
        return name

    @field_validator("trigger")
    @classmethod
    def _is_one_tag(cls, trigger: str) -> str:
        """One tag: with a comma it would be two, and only the first would be kept in front."""
        trigger = trigger.strip()
        if "," in trigger or not trigger.isprintable():
            refuse(f"{trigger!r} is more than one tag.", "Use a single word or name without commas and line breaks.")
        return trigger

    @field_validator("start_from")
    @classmethod
    def _has_no_blanks_around_it(cls, start_from: str) -> str:
        """Blanks alone are nothing to start from."""
        return start_from.strip()

    @model_validator(mode="after")
    def _has_no_contradictions(self) -> Self:
        refuse_contradictions(self)
        return self
