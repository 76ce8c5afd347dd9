"""What every part of a recipe shares: a frozen pydantic model that knows its fields and nothing else.

Values are taken strictly (``"3"`` is no number, ``true`` is no 1, nan and inf are refused), because a recipe that is
quietly bent into shape trains something its writer did not ask for. The sentence below each field is its
documentation everywhere: form, command line, docs page and JSON schema.
"""

from __future__ import annotations

from typing import NoReturn

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A group of recipe fields. Frozen, so a recipe in use cannot change under its user."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        defer_build=True,  # validators are built at the first recipe, not by everybody who imports the package
    )


def about(product: str, *, kohya: str = "", advanced: bool = False, default: str = "") -> JsonDict:
    """What a form, the docs and the Kohya import know of a field beyond its type: the ``json_schema_extra`` of a field.

    ``product`` is the id in product.md ("F13"), ``kohya`` the argument of sd-scripts with the same meaning ("" where
    there is none), ``advanced`` hides the field until asked for, ``default`` words a default that depends on others.
    """
    extra: JsonDict = {"product": product, "advanced": advanced}
    if kohya:
        extra["kohya"] = kohya
    if default:
        extra["default_words"] = default
    return extra


def refuse(message: str, cure: str) -> NoReturn:
    """Refuse a value from inside a field's own validator, with what is wrong and what to do."""
    raise PydanticCustomError("refused", "{message}", {"message": message, "cure": cure})
