"""What the demonstration trains and draws: every constant of ``enogu run-demo`` in one place."""

from __future__ import annotations

from enogu.recipe import TrainRecipe, load_recipe, recipe_from_values

NAME = "mame"
PRESET = "starter_character_cpu"
NUM_STEPS = 700
NUM_EPOCHS = 10

IDENTITY_TAGS = (
    "green hair",
    "bob cut",
    "bangs",
    "bean pod ears",
    "vine curl",
    "suspenders",
    "collared shirt",
    "yellow shirt",
    "shorts",
    "brown shorts",
    "light skin",
    "blush",
)
"""Deleted from every caption, so that the trigger alone comes to mean them (E6); what changes from picture to picture
(face, pose, background) keeps its words. So does the style: every person that the starter knows has a word
for it, and a drawing that names another one then stays clear of the mascot."""

PROMPTS = (
    "mame, chibi style, smile, full body, blue background",
    "mame, chibi style, happy eyes, arms up, full body, pink background",
    "toon-head style, brown hair, short hair, smile, red shirt, light skin, yellow background",
)
"""The trigger; the trigger in a pose and before a ground that no picture of the set joins; and no trigger at all."""
PROMPT_LABELS = ("mame", "mame, another pose and background", "no trigger, another person")

SEED = 5
DRAWING_STEPS = 20
CFG = 5.0
PREVIEW_WEIGHT = 0.8
WEIGHTS = (None, 0.7, 0.8, 1.0)
"""Columns of the weight sheet; None is the base model without the LoRA."""

SHEET_FILE = "sheet.png"
WEIGHT_SHEET_FILE = "weights.png"


def demo_recipe(base: str) -> TrainRecipe:
    """The preset for characters on the starter, with the mascot's name and the preview prompts."""
    from enogu.presets import preset_path

    values = load_recipe(preset_path(PRESET)).model_dump(exclude_unset=True)
    values |= {"output_name": NAME, "trigger": NAME, "base_model": base}
    values["previews"] = {
        "prompts": PROMPTS,
        "seed": SEED,
        "steps": DRAWING_STEPS,
        "cfg": CFG,
        "weight": PREVIEW_WEIGHT,
    }
    return recipe_from_values(values)
