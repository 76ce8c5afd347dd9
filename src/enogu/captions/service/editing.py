"""Captions of one dataset: looking at them, changing them, advice on them (E1 to E3, E6 to E8). All for one owner.

A change is two calls: ``prepare_edit`` works out in a reading transaction what a command comes to, which for a pattern
may take a second, and ``keep_edit`` writes it in a short one, refusing when somebody changed the captions in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enogu.captions.entities import (
    Category,
    Changes,
    Command,
    CommandContext,
    CommandRefused,
    SortTags,
    Spelling,
    UnionOrder,
    UnionTag,
)
from enogu.captions.rules import fed, traits
from enogu.captions.rules.commands import apply_command
from enogu.captions.rules.filters import PictureFacts, parse_filter
from enogu.captions.rules.token_counts import (
    ClipTokens,
    TokenCount,
    TokenLimit,
    count_tokens,
    measure_captions,
    smallest_limit,
)
from enogu.captions.rules.union import collect_tags, count_tags, union_of
from enogu.captions.service.vocabularies import knowledge_of
from enogu.datasets import service as datasets
from enogu.datasets.entities import CaptionEdit, Dataset, TrainingPicture
from enogu.errors import NotFound
from enogu.recipe import recipe_from_values
from enogu.settings import Settings
from enogu.storage.database import Session
from enogu.storage.files import Files

_tokens = ClipTokens()


@dataclass(frozen=True)
class CaptionSet:
    """All captions of a dataset at one moment."""

    dataset: Dataset
    pictures: tuple[TrainingPicture, ...]
    """In the order of the dataset."""


@dataclass(frozen=True)
class PreparedEdit:
    """What a command comes to, before it is kept."""

    dataset_id: str
    captions_revision: int
    """Of the captions that it was worked out from."""
    changes: Changes


@dataclass(frozen=True)
class TokenRow:
    """One caption's length."""

    picture_id: str
    name: str
    num_tokens: int
    smallest_limit: TokenLimit | None
    """As ``TokenCount`` has it."""
    first_beyond: str | None


def read_captions(session: Session, owner_id: str, dataset_id: str) -> CaptionSet:
    """Raises NotFound."""
    dataset = datasets.get_dataset(session, owner_id, dataset_id)
    return CaptionSet(dataset, datasets.pictures_to_train(session, owner_id, dataset_id))


def list_captions(
    session: Session, owner_id: str, dataset_id: str, expression: str = ""
) -> tuple[CaptionSet, tuple[TrainingPicture, ...]]:
    """All captions, and those that the filter takes. Raises NotFound, FilterRefused."""
    known = read_captions(session, owner_id, dataset_id)
    wanted = selected_ids(session, owner_id, known, None, expression)
    return known, tuple(one for one in known.pictures if one.picture_id in wanted)


def selected_ids(
    session: Session, owner_id: str, known: CaptionSet, picture_ids: Collection[str] | None, expression: str
) -> frozenset[str]:
    """The pictures named (None: all) that the filter takes (blank: all). Raises NotFound, FilterRefused."""
    there = {one.picture_id for one in known.pictures}
    if picture_ids is not None and not there.issuperset(picture_ids):
        raise NotFound("One of the pictures is not in this dataset.", "It may have been removed.")
    named = there if picture_ids is None else frozenset(picture_ids)
    if not expression.strip():
        return frozenset(named)
    test = parse_filter(expression)
    problems: dict[str, frozenset[str]] = {}
    if "problem:" in expression.casefold():
        for one in datasets.list_pictures(session, owner_id, known.dataset.id):
            kinds = {problem.kind for problem in datasets.problems_of(one, known.dataset)}
            problems[one.id] = frozenset(kinds)
    return frozenset(
        one.picture_id
        for one in known.pictures
        if one.picture_id in named
        and test(
            PictureFacts(
                one.name, one.caption, bool(one.caption), one.repeats, problems.get(one.picture_id, frozenset()),
                _count_first_line,
            )
        )
    )  # fmt: skip


def union(
    session: Session,
    settings: Settings,
    files: Files,
    owner_id: str,
    dataset_id: str,
    *,
    expression: str = "",
    order: UnionOrder = "count",
    spelling: Spelling = "as_written",
) -> tuple[CaptionSet, tuple[UnionTag, ...]]:
    """The union of the captions that the filter takes, with counts (E1). Raises NotFound, FilterRefused."""
    known, pictures = list_captions(session, owner_id, dataset_id, expression)
    tags = collect_tags(one.caption for one in pictures)
    about = knowledge_of(session, settings, files, owner_id, known.dataset, tags.counts)
    return known, union_of(
        tags,
        trigger=known.dataset.trigger,
        categories=about.categories,
        translations=about.translations,
        spelling=spelling,
        order=order,
    )


def prepare_edit(
    session: Session,
    settings: Settings,
    files: Files,
    owner_id: str,
    dataset_id: str,
    command: Command,
    *,
    picture_ids: Collection[str] | None = None,
    expression: str = "",
) -> PreparedEdit:
    """What ``command`` would change; nothing is kept. Raises NotFound and whatever refuses it."""
    known = read_captions(session, owner_id, dataset_id)
    selected = selected_ids(session, owner_id, known, picture_ids, expression)
    captions = {one.picture_id: (one.name, one.caption) for one in known.pictures}
    counts: Mapping[str, int] = {}
    categories: Mapping[str, Category] = {}
    if isinstance(command, SortTags):
        counts = count_tags(text for _, text in captions.values())
        categories = knowledge_of(session, settings, files, owner_id, known.dataset, counts).categories
    context = CommandContext(
        trigger=known.dataset.trigger,
        counts=counts,
        categories=categories,
        captions={picture_id: text for picture_id, (_, text) in captions.items()},
    )
    return PreparedEdit(
        dataset_id, known.dataset.captions_revision, apply_command(command, captions, selected, context)
    )


def keep_edit(session: Session, owner_id: str, edit: PreparedEdit, now: datetime) -> CaptionEdit:
    """Write it, as one entry of the journal. Raises NotFound, CaptionsChanged."""
    return datasets.change_captions(
        session,
        owner_id,
        edit.dataset_id,
        {one.picture_id: one.after for one in edit.changes.changed},
        words=edit.changes.words,
        now=now,
        expected_revision=edit.captions_revision,
    )


def advise(
    session: Session, settings: Settings, files: Files, owner_id: str, dataset_id: str, level: traits.Level
) -> traits.Advice:
    """Tags to delete so that the trigger absorbs them (E6). Raises NotFound."""
    known = read_captions(session, owner_id, dataset_id)
    texts = [one.caption for one in known.pictures if one.caption.strip()]
    counts = count_tags(texts)
    about = knowledge_of(session, settings, files, owner_id, known.dataset, counts)
    return traits.advise(counts, len(texts), level, trigger=known.dataset.trigger, categories=about.categories)


def count_caption_tokens(
    session: Session, owner_id: str, dataset_id: str, limit: TokenLimit, expression: str = ""
) -> tuple[TokenRow, ...]:
    """The length of each caption, the trigger counted where it is missing (E7). Raises NotFound, FilterRefused."""
    known, pictures = list_captions(session, owner_id, dataset_id, expression)
    texts = [fed.with_trigger(one.caption, known.dataset.trigger) for one in pictures]
    measured = measure_captions(texts, limit, _tokens)
    return tuple(
        TokenRow(
            picture_id=one.picture_id,
            name=one.name,
            num_tokens=count,
            smallest_limit=smallest_limit(count),
            first_beyond=beyond,
        )
        for one, (count, beyond) in zip(pictures, measured, strict=True)
    )


def count_text_tokens(text: str, limit: TokenLimit) -> TokenCount:
    """The length of a text that somebody is typing (E7)."""
    return count_tokens(text, limit, _tokens)


def captions_fed(
    session: Session,
    owner_id: str,
    dataset_id: str,
    recipe_values: Mapping[str, Any],
    *,
    step: int = 1,
    most: int = 3,
    picture_ids: Sequence[str] | None = None,
) -> tuple[tuple[fed.FedCaption, ...], int, tuple[TokenCount, ...]]:
    """Captions as the trainer gets them from ``step`` on, the run's steps, and their tokens (E8).

    A recipe without a trigger gets the dataset's, as a run does. ``picture_ids``: only these are trained. Raises
    NotFound, RecipeRefused, WrongUse.
    """
    known = read_captions(session, owner_id, dataset_id)
    wanted = selected_ids(session, owner_id, known, picture_ids, "")
    given = dict(recipe_values)
    if known.dataset.trigger:
        given.setdefault("trigger", known.dataset.trigger)
    recipe = recipe_from_values(given)
    pictures = [
        fed.FedPicture(one.picture_id, one.name, one.caption, one.width, one.height, one.repeats)
        for one in known.pictures
        if one.picture_id in wanted
    ]
    if not pictures:
        raise CommandRefused("There is no picture in this dataset.", "Add at least one.")
    found, num_steps = fed.captions_fed(recipe, pictures, step=step, most=most)
    limit = recipe.captions.max_token_length
    return found, num_steps, tuple(count_tokens(one.fed, limit, _tokens) for one in found)


def _count_first_line(text: str) -> int:
    lines = text.strip().splitlines()
    return _tokens.count(lines[0].strip()) if lines else 0
