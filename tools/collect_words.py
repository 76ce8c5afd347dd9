"""What the program says to people, collected from its source, and what of it has no translation yet.

    python tools/collect_words.py            # lists what is missing and what is no longer said
    python tools/collect_words.py --stubs    # what is missing as JSON, by the file it belongs in
    python tools/collect_words.py --prune    # takes out what is no longer said

A text is *said* when it is given to one of our errors (any class below EnoguError, and Problem), or looks like a
sentence and stands where no log, docstring, programmer's error or description of a field is. Phrases that are parts of
others (``has no name``) cannot be told from keys and names; they are translated too, and not asked for here.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "enogu"
ELSEWHERE = (
    "cli/",  # what is typed is English; what the server answers there is translated
    "words/",
    "web_app/",
    "storage/migrations/",
    "recipe/reference.py",  # writes a document
    "server/openapi.py",
    "server/metrics.py",
    # Said where the program is started, to whoever starts it:
    "server/main.py",
    "worker/main.py",
    "bootstrap.py",
    "settings.py",
    "stamina/rules/plan_file.py",
    "worker/fake_engine.py",  # stands for the engine in tests, and says what that says
    "worker/engine_messages.py",
)
NOT_ONE_LITERAL = frozenset({"pydantic.json", "composed.json"})
ALSO_SAID = frozenset(
    {"Problem", "Contradiction", "Remark", "Note", "Failure", "PictureProblem", "_refusal", "refused"}
)
FOR_PROGRAMMERS = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "AssertionError", "NotImplementedError", "KeyError", "LookupError"}
)
DESCRIBING = frozenset({"Field", "Query", "Path", "Body", "Header", "Option", "Argument", "text"})
_SENTENCE = re.compile(r"(?:[A-Z']|\{\d\}).*[A-Za-z}\d)'\"…>=]+[.?…]", re.DOTALL)
_NAMED = re.compile(r"\{[a-z_]+\}")
_WORD = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True)
class Said:
    """One text and where it stands."""

    template: str
    place: str
    is_said: bool


def template_of(node: ast.AST) -> str | None:
    """A literal, or an f-string with its values numbered."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        numbers = count(1)
        return _NAMED.sub(lambda _: f"{{{next(numbers)}}}", node.value)  # for str.format
    if not isinstance(node, ast.JoinedStr):
        return None
    number, parts = 0, list[str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            number += 1
            parts.append(f"{{{number}}}")
    return "".join(parts)


def collect(source: Path = SOURCE) -> list[Said]:
    """Every text of the source."""
    files = [
        one for one in sorted(source.rglob("*.py")) if not one.relative_to(source).as_posix().startswith(ELSEWHERE)
    ]
    trees = {file: ast.parse(file.read_text("utf-8")) for file in files}
    errors = _error_classes(trees.values()) | ALSO_SAID
    return [
        Said(template, f"{file.relative_to(source).as_posix()}:{line}", is_said)
        for file, tree in trees.items()
        for template, line, is_said in _texts(tree, errors)
    ]


def _error_classes(trees: Iterator[ast.Module] | object) -> frozenset[str]:
    found = {"EnoguError"}
    bases = [
        (node.name, {base.id for base in node.bases if isinstance(base, ast.Name)})
        for tree in trees  # type: ignore[attr-defined]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    for _ in range(5):
        found |= {name for name, above in bases if above & found}
    return frozenset(found)


def _texts(tree: ast.Module, errors: frozenset[str]) -> Iterator[tuple[str, int, bool]]:
    aside: set[int] = set()
    given: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            aside.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            aside.update(id(part) for part in node.values)
            for part in node.values:
                if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                    aside.update(id(one) for one in ast.walk(part.format_spec))
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if name in FOR_PROGRAMMERS or owner in ("_log", "logging", "log", "logger", "warnings"):
                aside.update(id(one) for one in ast.walk(node))
            elif name in DESCRIBING:
                aside.update(id(one) for argument in (*node.args, *node.keywords) for one in ast.walk(argument))
            elif name in errors:
                for argument in (*node.args, *(one.value for one in node.keywords)):
                    given.update(id(one) for one in _direct(argument))
    for node in ast.walk(tree):
        template = template_of(node)
        if template is None or not template.strip():
            continue
        template = template.strip()
        is_words = len(_WORD.findall(re.sub(r"\{\d\}", "", template))) >= (
            1 if id(node) in given or "{1}" in template else 2
        )
        is_sentence = bool(_SENTENCE.fullmatch(template)) and " " in template
        has_other_braces = bool(re.search(r"[{}]", re.sub(r"\{\d\}", "", template)))
        is_said = id(node) not in aside and is_words and not has_other_braces and (
            (id(node) in given and " " in template) or is_sentence
        )  # fmt: skip
        yield template, getattr(node, "lineno", 0), is_said


def _direct(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.IfExp):
        yield from _direct(node.body)
        yield from _direct(node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from _direct(node.left)
        yield from _direct(node.right)


def translations(language: str = "ja") -> dict[str, dict[str, str]]:
    """By file, what is translated."""
    return {
        file.name: json.loads(file.read_text("utf-8")) for file in sorted((SOURCE / "words" / language).glob("*.json"))
    }


def missing(said: list[Said], translated: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """By the file it belongs in: what is said and has no translation, with the place where it is said."""
    known = {key for entries in translated.values() for key in entries}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for one in said:
        if one.is_said and one.template not in known:
            found[f"{one.place.partition('/')[0].partition('.')[0]}.json"].setdefault(one.template, one.place)
    return dict(found)


def stale(said: list[Said], translated: dict[str, dict[str, str]]) -> list[str]:
    """What is translated and nowhere in the source; but for texts that others wrote or that are put together."""
    there = {one.template for one in said}
    return [
        f"{name}: {key}"
        for name, entries in translated.items()
        if name not in NOT_ONE_LITERAL
        for key in entries
        if key not in there
    ]


def prune(said: list[Said], translated: dict[str, dict[str, str]]) -> None:
    """Take out what is no longer said."""
    gone = set(stale(said, translated))
    for name, entries in translated.items():
        kept = {key: value for key, value in entries.items() if f"{name}: {key}" not in gone}
        if len(kept) < len(entries):
            text = json.dumps(kept, ensure_ascii=False, indent=2) + "\n"
            (SOURCE / "words" / "ja" / name).write_text(text, "utf-8")


def main() -> int:
    """Say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stubs", action="store_true", help="as JSON, to be filled in")
    parser.add_argument("--prune", action="store_true", help="take out what is no longer said")
    given = parser.parse_args()
    said, translated = collect(), translations()
    if given.prune:
        prune(said, translated)
        translated = translations()
    found, gone = missing(said, translated), stale(said, translated)
    if given.stubs:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0
    for name, entries in sorted(found.items()):
        for template, place in entries.items():
            print(f"src/enogu/words/ja/{name} lacks ({place}): {template}")
    for one in gone:
        print(f"src/enogu/words/ja/{one}  … is said nowhere")
    return 1 if found or gone else 0


if __name__ == "__main__":
    sys.exit(main())
