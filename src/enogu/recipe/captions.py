"""What a caption becomes before the text encoder reads it: trigger first, then shuffling and dropping as asked.

The order of the steps is that of sd-scripts (``library/train_util.py`` process_caption): caption dropout, first line
only, split off the kept tags, shuffle the rest, drop from the rest. Two departures: the trigger is put first and
counts as a kept tag (D8), and empty tags (``a,,b``) vanish. The random generator is handed in, so that a caption is a
function of (seed, step, sample) and not of what was drawn before it.
"""

from __future__ import annotations

import random
from typing import Literal

from pydantic import Field

from enogu.recipe.section import Section, about


class CaptionRules(Section):
    """What is done to a caption each time it is used."""

    shuffle: bool = Field(default=False, json_schema_extra=about("F16", kohya="shuffle_caption"))
    """Mix the order of the tags anew each time, so that no tag matters more for standing early."""

    keep_tokens: int = Field(default=1, ge=0, le=1000, json_schema_extra=about("F17", kohya="keep_tokens"))
    """This many tags at the start stay in place and are never dropped; the trigger counts as the first."""

    dropout_rate: float = Field(
        default=0.0, ge=0, le=1, json_schema_extra=about("F28", kohya="caption_dropout_rate", advanced=True)
    )
    """The share of times a picture is shown with no caption at all, from 0 to 1."""

    dropout_every_n_epochs: int = Field(
        default=0,
        ge=0,
        le=10_000,
        json_schema_extra=about("F28", kohya="caption_dropout_every_n_epochs", advanced=True),
    )
    """In every epoch of this number and its multiples pictures have no caption at all; 0 is off."""

    tag_dropout_rate: float = Field(
        default=0.0, ge=0, le=1, json_schema_extra=about("F28", kohya="caption_tag_dropout_rate", advanced=True)
    )
    """The chance of each tag that is not kept to be left out, from 0 to 1."""

    weighted: bool = Field(default=False, json_schema_extra=about("F18", kohya="weighted_captions", advanced=True))
    r"""Let (hat:1.2), (hat) and [hat] say how much a tag counts, as in A1111; write \( and \) for real brackets."""

    max_token_length: Literal[75, 150, 225] = Field(
        default=75, json_schema_extra=about("F19", kohya="max_token_length", advanced=True)
    )
    """The longest caption in tokens (about three for two words); what is over is cut off."""


def final_caption(text: str, rules: CaptionRules, *, trigger: str, rng: random.Random, epoch: int) -> str:
    """The caption as the text encoder gets it in ``epoch`` (from 1): ``text`` (a caption file's content) by ``rules``.

    An empty ``trigger`` adds nothing. ``rng`` is read only where a rule asks for chance; see ``captions_vary``.
    """
    if rules.dropout_every_n_epochs > 0 and epoch % rules.dropout_every_n_epochs == 0:
        return ""
    if rules.dropout_rate > 0 and rng.random() < rules.dropout_rate:
        return ""
    line = _with_trigger(_first_line(text), trigger)
    if not rules.shuffle and rules.tag_dropout_rate == 0:
        return line
    tags = split_weighted_tags(line) if rules.weighted else split_tags(line)
    num_kept = max(rules.keep_tokens, 1 if trigger.strip() else 0)
    kept, others = tags[:num_kept], tags[num_kept:]
    if rules.shuffle:
        rng.shuffle(others)
    if rules.tag_dropout_rate > 0:
        others = [tag for tag in others if rng.random() >= rules.tag_dropout_rate]
    return ", ".join(kept + others)


def captions_vary(rules: CaptionRules) -> bool:
    """Whether one caption may come out differently from one time to the next; if not, it needs encoding only once."""
    return rules.shuffle or rules.dropout_rate > 0 or rules.tag_dropout_rate > 0 or rules.dropout_every_n_epochs > 0


def split_tags(line: str) -> list[str]:
    """The tags between the commas, without blanks around them and without empty ones."""
    return [tag for tag in (part.strip() for part in line.split(",")) if tag]


def split_weighted_tags(line: str) -> list[str]:
    """As ``split_tags``, but not at a comma within brackets: ``(hat, boots:1.2)`` is weighted, and so moved, as one."""
    parts: list[str] = []
    depth, start, skip = 0, 0, False
    for place, character in enumerate(line):
        if skip:
            skip = False
        elif character == "\\":
            skip = True
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth = max(0, depth - 1)
        elif character == "," and depth == 0:
            parts.append(line[start:place])
            start = place + 1
    return [tag for tag in (part.strip() for part in [*parts, line[start:]]) if tag]


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""


def _with_trigger(line: str, trigger: str) -> str:
    """``line`` with ``trigger`` in front, once: moved there if it is a tag further on, left alone if it begins so."""
    trigger = trigger.strip()
    if not trigger or _begins_with(line, trigger):
        return line
    others = split_tags(line)
    if trigger.casefold() in (tag.casefold() for tag in others):
        others = [tag for tag in others if tag.casefold() != trigger.casefold()]
        return ", ".join([trigger, *others])
    return ", ".join([trigger, line] if others else [trigger])


def _begins_with(line: str, word: str) -> bool:
    """Whether ``word`` opens ``line`` as a whole word; capitals do not count, since CLIP reads lower case."""
    if not line.casefold().startswith(word.casefold()):
        return False
    rest = line[len(word) :]
    return not rest or not (rest[0].isalnum() or rest[0] in "_-")
