"""Settings of other trainers as a recipe and back, each with a report of what became of every value (F33).

Everything is brought to sd-scripts' arguments first (kohya_ss' and ai-toolkit's names are put into those), and from
there to the fields of the recipe by their ``kohya`` names. Only what means the same in another unit or in several
arguments has a function of its own, in ``conversions``.
"""

from enogu.recipe.foreign.exporting import ExportedRecipe, export_to_kohya
from enogu.recipe.foreign.files import SettingsFile
from enogu.recipe.foreign.importing import ImportedRecipe, import_recipe
from enogu.recipe.foreign.remarks import Outcome, Remark

__all__ = [
    "ExportedRecipe",
    "ImportedRecipe",
    "Outcome",
    "Remark",
    "SettingsFile",
    "export_to_kohya",
    "import_recipe",
]
