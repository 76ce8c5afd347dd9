"""How weights are changed: seven methods by a closed list of names, each with only the numbers it uses.

The three that find their own learning rate (``dadaptation``, ``dadapt_adam``, ``prodigy``) have no field for one: every
part learns at 1 times what they find, so two rates, which their libraries refuse at the first step, cannot be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field

from enogu.recipe.block_rates import checked_middle, checked_side
from enogu.recipe.section import Section, about

_KIND = about("F9", kohya="optimizer_type")
_RATE = about("F5", kohya="learning_rate")

UnetRate = Annotated[
    float | None,
    Field(
        gt=1e-7,
        le=1,
        description="The learning rate of the U-Net, if it is to differ.",
        json_schema_extra=about("F5", kohya="unet_lr", advanced=True, default="learning_rate"),
    ),
]
TextEncoderRate = Annotated[
    float | None,
    Field(
        gt=1e-7,
        le=1,
        description="The learning rate of the text encoder, if it is to differ; half of the U-Net's is usual.",
        json_schema_extra=about("F5", kohya="text_encoder_lr", advanced=True, default="learning_rate"),
    ),
]
DownBlockRates = Annotated[
    str,
    Field(
        max_length=500,
        description="Multiplies the U-Net's rate in each block on the way down: 12 numbers on SD1.5, 9 on SDXL.",
        json_schema_extra=about("F15", kohya="network_args.down_lr_weight", advanced=True),
    ),
    AfterValidator(checked_side),
]
MiddleBlockRates = Annotated[
    str,
    Field(
        max_length=500,
        description="Multiplies the U-Net's rate in each block in the middle: 1 number on SD1.5, 3 on SDXL.",
        json_schema_extra=about("F15", kohya="network_args.mid_lr_weight", advanced=True),
    ),
    AfterValidator(checked_middle),
]
UpBlockRates = Annotated[
    str,
    Field(
        max_length=500,
        description="Multiplies the U-Net's rate in each block on the way up: 12 numbers on SD1.5, 9 on SDXL.",
        json_schema_extra=about("F15", kohya="network_args.up_lr_weight", advanced=True),
    ),
    AfterValidator(checked_side),
]
WeightDecay = Annotated[
    float,
    Field(
        ge=0,
        le=10,
        description="How strongly weights are pulled back towards zero, which holds back learning by heart.",
        json_schema_extra=about("F9", kohya="optimizer_args.weight_decay", advanced=True),
    ),
]
Beta1 = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="How much of the last direction each step keeps.",
        json_schema_extra=about("F9", kohya="optimizer_args.betas[0]", advanced=True),
    ),
]
Beta2 = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="How slowly the measure of each weight's usual step changes.",
        json_schema_extra=about("F9", kohya="optimizer_args.betas[1]", advanced=True),
    ),
]
Epsilon = Annotated[
    float,
    Field(
        gt=0,
        le=0.1,
        description="A tiny number that keeps the step from being divided by zero.",
        json_schema_extra=about("F9", kohya="optimizer_args.eps", advanced=True),
    ),
]
MaxGradNorm = Annotated[
    float,
    Field(
        ge=0,
        le=1000,
        description="A step larger than this is cut down to it, so that one odd picture cannot spoil the run; "
        "0 never cuts.",
        json_schema_extra=about("F9", kohya="max_grad_norm", advanced=True),
    ),
]
FirstEstimate = Annotated[
    float,
    Field(
        gt=0,
        le=0.1,
        description="The learning rate it starts to search from; too large a start cannot be taken back.",
        json_schema_extra=about("F9", kohya="optimizer_args.d0", advanced=True),
    ),
]
GrowthRate = Annotated[
    float | None,
    Field(
        gt=1,
        le=1000,
        description="The most the found learning rate may grow in one step, as a factor; 1.02 is a gentle start.",
        json_schema_extra=about("F9", kohya="optimizer_args.growth_rate", advanced=True, default="without limit"),
    ),
]
Decouple = Annotated[
    bool,
    Field(
        description="Apply weight decay to the weights themselves, as AdamW does, and not to the gradients.",
        json_schema_extra=about("F9", kohya="optimizer_args.decouple", advanced=True),
    ),
]
BiasCorrection = Annotated[
    bool,
    Field(
        description="Correct the first steps for averages that have only begun, as Adam does.",
        json_schema_extra=about("F9", kohya="optimizer_args.use_bias_correction", advanced=True),
    ),
]


class _WithRates(Section):
    """What the kinds with a learning rate of their own share; the fields are in each kind, in its order."""

    if TYPE_CHECKING:
        learning_rate: float
        unet_learning_rate: float | None
        text_encoder_learning_rate: float | None
        down_block_rates: str
        middle_block_rates: str
        up_block_rates: str

    @property
    def unet_rate(self) -> float:
        """The learning rate the U-Net really gets."""
        return self.learning_rate if self.unet_learning_rate is None else self.unet_learning_rate

    @property
    def text_encoder_rate(self) -> float:
        """The learning rate the text encoder really gets."""
        return self.learning_rate if self.text_encoder_learning_rate is None else self.text_encoder_learning_rate


class _FindingItsRate(Section):
    """What the kinds that find their own learning rate share: every rate is 1."""

    @property
    def learning_rate(self) -> float:
        """1: the schedule multiplies what the method finds."""
        return 1.0

    @property
    def down_block_rates(self) -> str:
        """Nothing: there is one rate for all."""
        return ""

    @property
    def middle_block_rates(self) -> str:
        """Nothing: there is one rate for all."""
        return ""

    @property
    def up_block_rates(self) -> str:
        """Nothing: there is one rate for all."""
        return ""

    @property
    def unet_learning_rate(self) -> None:
        """None: there is one rate for all."""
        return

    @property
    def text_encoder_learning_rate(self) -> None:
        """None: there is one rate for all."""
        return

    @property
    def unet_rate(self) -> float:
        """1, as every rate."""
        return 1.0

    @property
    def text_encoder_rate(self) -> float:
        """1, as every rate."""
        return 1.0


class AdamW(_WithRates):
    """AdamW: the usual choice, steady and well understood."""

    kind: Literal["adamw"] = Field(default="adamw", json_schema_extra=_KIND)
    """The method that changes the weights."""

    learning_rate: float = Field(default=1e-4, gt=1e-7, le=1, json_schema_extra=_RATE)
    """How big each change is: too small learns nothing, too big spoils the picture."""

    unet_learning_rate: UnetRate = None
    text_encoder_learning_rate: TextEncoderRate = None
    down_block_rates: DownBlockRates = ""
    middle_block_rates: MiddleBlockRates = ""
    up_block_rates: UpBlockRates = ""
    weight_decay: WeightDecay = 0.01
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    epsilon: Epsilon = 1e-8
    max_grad_norm: MaxGradNorm = 1.0


class AdamW8bit(_WithRates):
    """AdamW that keeps its memory in 8 bits: for NVIDIA cards that are short of memory."""

    kind: Literal["adamw8bit"] = Field(default="adamw8bit", json_schema_extra=_KIND)
    """The method that changes the weights."""

    learning_rate: float = Field(default=1e-4, gt=1e-7, le=1, json_schema_extra=_RATE)
    """How big each change is: too small learns nothing, too big spoils the picture."""

    unet_learning_rate: UnetRate = None
    text_encoder_learning_rate: TextEncoderRate = None
    down_block_rates: DownBlockRates = ""
    middle_block_rates: MiddleBlockRates = ""
    up_block_rates: UpBlockRates = ""
    weight_decay: WeightDecay = 0.01
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    epsilon: Epsilon = 1e-8
    max_grad_norm: MaxGradNorm = 1.0


class Adafactor(_WithRates):
    """Adafactor at a fixed learning rate: keeps a row and a column of each matrix instead of all of it."""

    kind: Literal["adafactor"] = Field(default="adafactor", json_schema_extra=_KIND)
    """The method that changes the weights."""

    learning_rate: float = Field(default=1e-4, gt=1e-7, le=1, json_schema_extra=_RATE)
    """How big each change is: too small learns nothing, too big spoils the picture."""

    unet_learning_rate: UnetRate = None
    text_encoder_learning_rate: TextEncoderRate = None
    down_block_rates: DownBlockRates = ""
    middle_block_rates: MiddleBlockRates = ""
    up_block_rates: UpBlockRates = ""
    weight_decay: WeightDecay = 0.0

    relative_step: bool = Field(
        default=False, json_schema_extra=about("F9", kohya="optimizer_args.relative_step", advanced=True)
    )
    """Let it take a step size of its own that falls with time, in place of learning rate and schedule."""

    warmup_init: bool = Field(
        default=False, json_schema_extra=about("F9", kohya="optimizer_args.warmup_init", advanced=True)
    )
    """Let its own step size start tiny and rise first."""

    scale_parameter: bool = Field(
        default=False, json_schema_extra=about("F9", kohya="optimizer_args.scale_parameter", advanced=True)
    )
    """Make the steps of large weights larger."""

    clip_threshold: float = Field(
        default=1.0, gt=0, le=1000, json_schema_extra=about("F9", kohya="optimizer_args.clip_threshold", advanced=True)
    )
    """The largest usual step within one matrix; more is scaled down."""

    max_grad_norm: MaxGradNorm = 0.0


class Lion(_WithRates):
    """Lion: steps of equal size whatever the gradient; wants a learning rate 3 to 10 times smaller than AdamW."""

    kind: Literal["lion"] = Field(default="lion", json_schema_extra=_KIND)
    """The method that changes the weights."""

    learning_rate: float = Field(default=2e-5, gt=1e-7, le=1, json_schema_extra=_RATE)
    """How big each change is: too small learns nothing, too big spoils the picture."""

    unet_learning_rate: UnetRate = None
    text_encoder_learning_rate: TextEncoderRate = None
    down_block_rates: DownBlockRates = ""
    middle_block_rates: MiddleBlockRates = ""
    up_block_rates: UpBlockRates = ""
    weight_decay: WeightDecay = 0.0
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.99
    max_grad_norm: MaxGradNorm = 1.0


class DAdaptation(_FindingItsRate):
    """D-Adaptation in its first form (DAdaptAdamPreprint), which sd-scripts calls DAdaptation: finds its rate."""

    kind: Literal["dadaptation"] = Field(default="dadaptation", json_schema_extra=_KIND)
    """The method that changes the weights."""

    weight_decay: WeightDecay = 0.0
    decouple: Decouple = False
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    epsilon: Epsilon = 1e-8
    first_estimate: FirstEstimate = 1e-6
    growth_rate: GrowthRate = None
    max_grad_norm: MaxGradNorm = 1.0


class DAdaptAdam(_FindingItsRate):
    """D-Adaptation of Adam as it was published: finds its own learning rate."""

    kind: Literal["dadapt_adam"] = Field(default="dadapt_adam", json_schema_extra=_KIND)
    """The method that changes the weights."""

    weight_decay: WeightDecay = 0.0
    decouple: Decouple = False
    bias_correction: BiasCorrection = False
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    epsilon: Epsilon = 1e-8
    first_estimate: FirstEstimate = 1e-6
    growth_rate: GrowthRate = None
    max_grad_norm: MaxGradNorm = 1.0


class Prodigy(_FindingItsRate):
    """Prodigy: finds its own learning rate, mostly sooner than D-Adaptation."""

    kind: Literal["prodigy"] = Field(default="prodigy", json_schema_extra=_KIND)
    """The method that changes the weights."""

    rate_coefficient: float = Field(
        default=1.0, ge=0.01, le=100, json_schema_extra=about("F9", kohya="optimizer_args.d_coef", advanced=True)
    )
    """What it finds is multiplied by this: 0.5 is more careful, 2 bolder."""

    weight_decay: WeightDecay = 0.0
    decouple: Decouple = True
    bias_correction: BiasCorrection = False

    safeguard_warmup: bool = Field(
        default=False, json_schema_extra=about("F9", kohya="optimizer_args.safeguard_warmup", advanced=True)
    )
    """Keep the search from being misled while the schedule warms up."""

    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    epsilon: Epsilon = 1e-8
    first_estimate: FirstEstimate = 1e-6
    growth_rate: GrowthRate = None
    max_grad_norm: MaxGradNorm = 1.0


def _adamw_unless_said(value: object) -> object:
    """``[optimizer]`` with no ``kind`` means the default kind, as a recipe with no ``[optimizer]`` does."""
    if not isinstance(value, dict):
        return value
    return {"kind": "adamw", **cast("dict[str, object]", value)}


Optimizer = Annotated[
    AdamW | AdamW8bit | Adafactor | Lion | DAdaptation | DAdaptAdam | Prodigy,
    Field(discriminator="kind"),
    BeforeValidator(_adamw_unless_said),
]


def finds_its_rate(optimizer: Optimizer) -> bool:
    """Whether it has no learning rate to set, because it looks for one while it trains."""
    return isinstance(optimizer, _FindingItsRate)
