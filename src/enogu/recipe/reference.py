"""The docs page of the recipe, written from the fields themselves: ``python -m enogu.recipe.reference``.

A page kept by hand would be wrong within a month; a test compares docs/recipe.md with what this gives.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from enogu.recipe.fields import RecipeField, kinds_of_section, recipe_fields
from enogu.recipe.train import TrainRecipe
from enogu.whole_file import write_whole_bytes

_PAGE = Path(__file__).parents[3] / "docs" / "recipe.md"
_HEAD = """# The recipe

<!-- Written by `python -m enogu.recipe.reference` from src/enogu/recipe: change a field there, then run it. -->

A recipe is a TOML file; what it leaves out has the default below. Each setting can also be given on the command line:
`enogu train … --set training.epochs=3 --set schedule.kind=cosine`. Settings marked ○ are advanced.
"sd-scripts" is the name of the same setting there; "id" is the entry in the list of what Enogu does.
"""


def reference_page() -> str:
    """The page as Markdown: one table per section, or per kind where a section has several."""
    blocks = [_HEAD]
    for (section, kind), group in groupby(recipe_fields(), key=lambda field: (_section(field), field.kind)):
        blocks.append("\n".join([*_heading(section, kind), "", *_table(list(group))]) + "\n")
    return "\n".join(blocks)


def _section(field: RecipeField) -> str:
    return field.path.rpartition(".")[0]


def _heading(section: str, kind: str) -> list[str]:
    if not section:
        return ["## At the top"]
    kinds = kinds_of_section(section)
    if len(kinds) == 1:
        return [f"## [{section}]", "", TrainRecipe.model_fields[section].description or ""]
    first = [f"## [{section}]", ""] if kind == next(iter(kinds)) else []
    return [*first, f'### kind = "{kind}"', "", (kinds[kind].__doc__ or "").strip()]


def _table(fields: list[RecipeField]) -> list[str]:
    lines = ["| setting | what it does | allowed | default | sd-scripts | id |", "|---|---|---|---|---|---|"]
    for field in fields:
        mark = " ○" if field.advanced else ""
        kohya = f"`{field.kohya}`" if field.kohya else "–"
        cells = [f"`{field.path}`{mark}", field.sentence, _allowed(field), _default(field), kohya, field.product]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _allowed(field: RecipeField) -> str:
    if field.choices:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in field.choices)
    return "`true`, `false`" if field.value_type is bool else field.allowed_words


def _default(field: RecipeField) -> str:
    return field.default_words or f"`{json.dumps(field.default, ensure_ascii=False)}`"


if __name__ == "__main__":
    write_whole_bytes(_PAGE, reference_page().encode("utf-8"))
    print(_PAGE)
