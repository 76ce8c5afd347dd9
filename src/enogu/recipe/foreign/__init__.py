"""Settings of other trainers as a recipe and back, each with a report of what became of every value (F33).

Everything is brought to sd-scripts' arguments first (kohya_ss' and ai-toolkit's names are put into those), and from
there to the fields of the recipe by their ``kohya`` names. Only what means the same in another unit or in several
arguments has a function of its own, in ``conversions``.

``importing.import_recipe`` and ``exporting.export_to_kohya`` do it. They are not imported here: with the tables of all
the fields they take 30 ms of a server's start, and few ask for them.
"""

from enogu.recipe.foreign.files import MAX_CHARACTERS, SettingsFile
from enogu.recipe.foreign.remarks import Outcome, Remark

__all__ = ["MAX_CHARACTERS", "Outcome", "Remark", "SettingsFile"]
