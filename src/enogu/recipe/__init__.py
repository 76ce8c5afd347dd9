"""What to train: the typed recipe, and everything that follows from it without a single tensor.

Imports neither torch nor numpy, so that forms, quotes and ``enogu --help`` are quick.
"""

from enogu.recipe.adapter import Adapter, DoraAdapter, LoconAdapter, LohaAdapter, LokrAdapter, LoraAdapter
from enogu.recipe.buckets import Bucket, Placement, choose_bucket, make_buckets
from enogu.recipe.captions import CaptionRules, captions_vary, final_caption, split_tags
from enogu.recipe.draws import random_for, seed_of
from enogu.recipe.fields import RecipeField, fields_at, recipe_fields
from enogu.recipe.flow import FlowRules
from enogu.recipe.loss import AbsoluteLoss, HuberLoss, Loss, SmoothL1Loss, SquaredLoss
from enogu.recipe.noise import NoiseRules
from enogu.recipe.optimizer import (
    Adafactor,
    AdamW,
    AdamW8bit,
    DAdaptAdam,
    DAdaptation,
    Lion,
    Optimizer,
    Prodigy,
    finds_its_rate,
)
from enogu.recipe.pictures import PictureRules
from enogu.recipe.plan import (
    Batch,
    BucketCount,
    PictureSize,
    SavedFile,
    TrainPlan,
    describe_plan,
    place_pictures,
    plan_training,
)
from enogu.recipe.previews import PreviewRules
from enogu.recipe.saving import SavingRules
from enogu.recipe.schedules import (
    ConstantSchedule,
    ConstantWithWarmupSchedule,
    CosineSchedule,
    CosineWithRestartsSchedule,
    LinearSchedule,
    PolynomialSchedule,
    Schedule,
    learning_rate_factor,
    warmup_steps,
)
from enogu.recipe.toml_text import load_recipe, parse_recipe, recipe_to_toml
from enogu.recipe.train import TrainRecipe
from enogu.recipe.training import TrainingRules
from enogu.recipe.values import recipe_from_values, recipe_json_schema, with_changes, with_settings

__all__ = [
    "AbsoluteLoss",
    "Adafactor",
    "AdamW",
    "AdamW8bit",
    "Adapter",
    "Batch",
    "Bucket",
    "BucketCount",
    "CaptionRules",
    "ConstantSchedule",
    "ConstantWithWarmupSchedule",
    "CosineSchedule",
    "CosineWithRestartsSchedule",
    "DAdaptAdam",
    "DAdaptation",
    "DoraAdapter",
    "FlowRules",
    "HuberLoss",
    "LinearSchedule",
    "Lion",
    "LoconAdapter",
    "LohaAdapter",
    "LokrAdapter",
    "LoraAdapter",
    "Loss",
    "NoiseRules",
    "Optimizer",
    "PictureRules",
    "PictureSize",
    "Placement",
    "PolynomialSchedule",
    "PreviewRules",
    "Prodigy",
    "RecipeField",
    "SavedFile",
    "SavingRules",
    "Schedule",
    "SmoothL1Loss",
    "SquaredLoss",
    "TrainPlan",
    "TrainRecipe",
    "TrainingRules",
    "captions_vary",
    "choose_bucket",
    "describe_plan",
    "fields_at",
    "final_caption",
    "finds_its_rate",
    "learning_rate_factor",
    "load_recipe",
    "make_buckets",
    "parse_recipe",
    "place_pictures",
    "plan_training",
    "random_for",
    "recipe_fields",
    "recipe_from_values",
    "recipe_json_schema",
    "recipe_to_toml",
    "seed_of",
    "split_tags",
    "warmup_steps",
    "with_changes",
    "with_settings",
]
