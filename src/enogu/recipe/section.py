"""What every part of a recipe shares: a frozen pydantic model that knows its fields and nothing else.

Values are taken strictly (``"3"`` is no number, ``true`` is no 1, nan and inf are refused), because a recipe that is
quietly bent into shape trains something its writer did not ask for. The sentence below each field is its
documentation everywhere: form, command line, docs page and JSON schema.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, NoReturn

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
        defer_build=True,  # validators are built at the first recipe, not by everybody who imports the package
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Gives each field the sentence below it as its description.

        What pydantic's ``use_attribute_docstrings`` does, but with one look at each module instead of one at each
        class: of the time until a server is ready that was a twentieth (docs/log.md).
        """
        super().__pydantic_init_subclass__(**kwargs)
        sentences = _sentences_of_module(cls.__module__)
        for name, field in cls.__pydantic_fields__.items():
            if field.description is None:
                field.description = sentences.get((cls.__qualname__, name))


@cache
def _sentences_of_module(module_name: str) -> dict[tuple[str, str], str]:
    """The sentences below annotated names of a module's classes, by (class, name); none where there is no source."""
    try:
        source = inspect.getsource(sys.modules[module_name])
    except (OSError, TypeError):  # nothing but compiled code, or typed in by hand
        return {}
    return dict(_sentences_in(ast.parse(source), ""))


def _sentences_in(scope: ast.AST, inside: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Of a module, class or function and all in it; ``inside`` is the beginning of qualified names there."""
    body: list[ast.stmt] = getattr(scope, "body", [])
    for statement, below in zip(body, [*body[1:], None], strict=True):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(sentence))):
                yield (inside.removesuffix("."), name), inspect.cleandoc(sentence)
            case ast.ClassDef(name=name), _:
                yield from _sentences_in(statement, f"{inside}{name}.")
            case ast.FunctionDef(name=name), _:
                yield from _sentences_in(statement, f"{inside}{name}.<locals>.")
            case _:
                pass


def about(
    product: str, *, kohya: str = "", advanced: bool = False, default: str = "", families: tuple[str, ...] = ()
) -> JsonDict:
    """What a form, the docs and the Kohya import know of a field beyond its type: the ``json_schema_extra`` of a field.

    ``product`` is the id in product.md ("F13"), ``kohya`` the argument of sd-scripts with the same meaning ("" where
    there is none), ``advanced`` hides the field until asked for, ``default`` words a default that depends on others,
    ``families`` are those of base models that it means something for, where it is not all.
    """
    extra: JsonDict = {"product": product, "advanced": advanced}
    if kohya:
        extra["kohya"] = kohya
    if default:
        extra["default_words"] = default
    if families:
        extra["families"] = list(families)
    return extra


def refuse(message: str, cure: str) -> NoReturn:
    """Refuse a value from inside a field's own validator, with what is wrong and what to do."""
    raise PydanticCustomError("refused", "{message}", {"message": message, "cure": cure})
