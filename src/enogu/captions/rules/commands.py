"""Commands on captions: from one caption to the next, and over a selection with the words for its history.

Every command but DeleteTags ``with_trigger`` keeps the trigger: a caption that had it has it still, and first (D8).
A caption that a command does not concern comes back as the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from enogu.captions.entities import (
    MOST_CHARACTERS,
    AddTags,
    AppendText,
    CaptionChange,
    Category,
    Changes,
    Command,
    CommandContext,
    CommandRefused,
    CopyCaption,
    DeleteTags,
    OrderTags,
    PrependText,
    RemoveDuplicates,
    RenameTags,
    ReplaceText,
    RespellTags,
    SetCaption,
    SortTags,
)
from enogu.captions.rules.patterns import BoundedPattern
from enogu.captions.rules.text import (
    arranged,
    begins_with,
    has_trigger,
    key_of,
    num_trigger_pieces,
    parse,
    put_in,
    retold,
    spelled,
    tags_of,
    with_core,
    with_trigger_first,
    without,
    written,
)

MOST_TAGS = 200
"""That one command may name."""
MOST_TAG_CHARACTERS = 500

CATEGORY_ORDER: tuple[Category, ...] = (
    "trigger", "character", "copyright", "artist", "general", "unknown", "meta", "rating",
)  # fmt: skip

_Change = Callable[[str], str]


def apply_command(
    command: Command,
    captions: Mapping[str, tuple[str, str]],
    selected: Collection[str],
    context: CommandContext,
) -> Changes:
    """``captions`` are name and text by picture id, in order; only those ``selected`` are changed.

    Raises CommandRefused, PatternRefused.
    """
    change = prepared(command, context)
    changed: list[CaptionChange] = []
    for picture_id, (name, before) in captions.items():
        if picture_id in selected and (after := change(before)) != before:
            if len(after) > MOST_CHARACTERS:
                raise CommandRefused(
                    f"The caption of {name} would have {len(after):,} characters; {MOST_CHARACTERS:,} are the most.",
                    "Put in less.",
                )
            changed.append(CaptionChange(picture_id, name, before, after))
    return Changes(words_for(command, len(changed), dict(captions)), tuple(changed), len(selected))


def prepared(command: Command, context: CommandContext) -> _Change:
    """What the command makes of one caption. Raises CommandRefused, PatternRefused for the command itself."""
    make: Any = _MAKERS[type(command)]
    change: _Change = make(command, context)
    trigger = context.trigger
    if not trigger or (isinstance(command, DeleteTags) and command.with_trigger):
        return change
    is_whole = isinstance(command, SetCaption | CopyCaption)

    def kept(text: str) -> str:
        after = change(text)
        if begins_with(after, trigger):
            return after
        needs = after != text and (has_trigger(text, trigger) or is_whole)
        return with_trigger_first(after, trigger) if needs else after

    return kept


def checked_tags(tags: Sequence[str], *, least: int = 1) -> tuple[str, ...]:
    """Tags without blanks around them. Raises CommandRefused for an empty list, a comma or a line break in a tag."""
    found = tuple(one.strip() for one in tags)
    if not least <= len(found) <= MOST_TAGS:
        raise CommandRefused(f"{len(found)} tags were given; it takes {least} to {MOST_TAGS}.", "Name the tags.")
    for tag in found:
        if not tag or len(tag) > MOST_TAG_CHARACTERS:
            raise CommandRefused(f"A tag has 1 to {MOST_TAG_CHARACTERS} characters.", "Leave out empty ones.")
        if len(tags_of(tag)) != 1 or tags_of(tag)[0] != tag:
            raise CommandRefused(f"'{tag[:80]}' is more than one tag.", "Give tags one by one, without commas.")
    return found


# ---- one maker per command -------------------------------------------------------------------------------------------


def _add(command: AddTags, context: CommandContext) -> _Change:
    tags = checked_tags(command.tags)
    needs_anchor = command.where in ("before", "after")
    if needs_anchor and not command.anchor.strip():
        raise CommandRefused("It is not said which tag to stand beside.", "Name the anchor.")
    anchor = key_of(command.anchor)

    def change(text: str) -> str:
        pieces = parse(text)
        keys = [key_of(one.text) for one in pieces.pieces]
        there = set(keys)
        new = [tag for tag in _first_of_each(tags) if key_of(tag) not in there]
        num_trigger = num_trigger_pieces(pieces, context.trigger)
        if command.where == "first":
            return written(put_in(pieces, num_trigger, new))
        if command.where == "last":
            return written(put_in(pieces, len(pieces.pieces), new))
        if anchor not in there:
            return text
        at = keys.index(anchor) + (command.where == "after")
        return written(put_in(pieces, max(at, num_trigger), new))

    return change


def _delete(command: DeleteTags, context: CommandContext) -> _Change:
    keys = {key_of(tag) for tag in checked_tags(command.tags)}
    protected = set() if command.with_trigger else {key_of(one) for one in tags_of(context.trigger)}

    def change(text: str) -> str:
        pieces = parse(text)
        start = 0 if command.with_trigger else num_trigger_pieces(pieces, context.trigger)
        gone = {
            index
            for index, one in enumerate(pieces.pieces)
            if index >= start and (key := key_of(one.text)) in keys and key not in protected
        }
        return written(without(pieces, gone)) if gone else text

    return change


def _rename(command: RenameTags, context: CommandContext) -> _Change:
    keys = {key_of(tag) for tag in checked_tags(command.tags)}
    (new,) = checked_tags((command.new,))
    if keys & {key_of(one) for one in tags_of(context.trigger)}:
        raise CommandRefused(f"'{context.trigger}' is the trigger.", "Change the trigger of the dataset instead.")
    new_key = key_of(new)

    def change(text: str) -> str:
        pieces = parse(text)
        at = [index for index, one in enumerate(pieces.pieces) if key_of(one.text) in keys]
        if not at:
            return text
        texts = [with_core(one.text, new) if index in at else one.text for index, one in enumerate(pieces.pieces)]
        same = [i for i, one in enumerate(pieces.pieces) if i in at or key_of(one.text) == new_key]
        return written(without(retold(pieces, texts), set(same[1:])))

    return change


def _replace(command: ReplaceText, context: CommandContext) -> _Change:
    pattern = BoundedPattern(command.find, is_pattern=command.is_pattern, ignore_case=command.ignore_case)
    if len(command.replacement) > MOST_TAG_CHARACTERS:
        raise CommandRefused(f"The replacement is longer than {MOST_TAG_CHARACTERS} characters.", "Use less.")

    known: dict[str, str] = {}  # tags come again and again

    def replaced(tag: str) -> str:
        if tag not in known:
            known[tag] = pattern.replace(tag, command.replacement)
        return known[tag]

    def change(text: str) -> str:
        if command.scope == "caption":
            return pattern.replace(text, command.replacement)
        pieces = parse(text)
        start = num_trigger_pieces(pieces, context.trigger)
        texts = [one.text if index < start else replaced(one.text) for index, one in enumerate(pieces.pieces)]
        return text if texts == [one.text for one in pieces.pieces] else written(retold(pieces, texts))

    return change


def _order(command: OrderTags, context: CommandContext) -> _Change:
    wanted = {key_of(tag): place for place, tag in enumerate(_first_of_each(checked_tags(command.tags)))}
    return _sorting(context, lambda tag: wanted.get(key_of(tag), len(wanted)))


def _sort(command: SortTags, context: CommandContext) -> _Change:
    counts, categories = context.counts or {}, context.categories or {}
    if command.by == "count":
        return _sorting(context, lambda tag: -counts.get(key_of(tag), 0))
    if command.by == "alphabet":
        return _sorting(context, key_of)
    places = {category: place for place, category in enumerate(CATEGORY_ORDER)}
    return _sorting(context, lambda tag: places[categories.get(key_of(tag), "unknown")])


def _sorting(context: CommandContext, rank: Callable[[str], Any]) -> _Change:
    """By ``rank``, equal ones in the order they had; the trigger stays in front."""

    def change(text: str) -> str:
        pieces = parse(text)
        start = num_trigger_pieces(pieces, context.trigger)
        others = sorted(range(start, len(pieces.pieces)), key=lambda index: rank(pieces.pieces[index].text))
        return written(arranged(pieces, [*range(start), *others]))

    return change


def _prepend(command: PrependText, context: CommandContext) -> _Change:
    words = _words(command.text)

    def change(text: str) -> str:
        pieces = parse(text)
        return written(put_in(pieces, num_trigger_pieces(pieces, context.trigger), [words]))

    return change


def _append(command: AppendText, _context: CommandContext) -> _Change:
    words = _words(command.text)

    def change(text: str) -> str:
        pieces = parse(text)
        return written(put_in(pieces, len(pieces.pieces), [words]))

    return change


def _remove_duplicates(_command: RemoveDuplicates, _context: CommandContext) -> _Change:
    def change(text: str) -> str:
        pieces = parse(text)
        seen: set[str] = set()
        again: set[int] = set()
        for index, one in enumerate(pieces.pieces):
            key = key_of(one.text)
            if key in seen:
                again.add(index)
            seen.add(key)
        return written(without(pieces, again)) if again else text

    return change


def _set(command: SetCaption, context: CommandContext) -> _Change:
    if len(command.text) > MOST_CHARACTERS:
        raise CommandRefused(f"A caption has {MOST_CHARACTERS:,} characters at most.", "Shorten it.")
    text = with_trigger_first(command.text.strip(), context.trigger)
    return lambda _before: text


def _copy(command: CopyCaption, context: CommandContext) -> _Change:
    captions = context.captions or {}
    if command.from_picture_id not in captions:
        raise CommandRefused("The picture to copy from is not in this dataset.", "Choose another.")
    text = captions[command.from_picture_id]
    return lambda _before: text


def _respell(command: RespellTags, context: CommandContext) -> _Change:
    def change(text: str) -> str:
        pieces = parse(text)
        start = num_trigger_pieces(pieces, context.trigger)
        return written(
            retold(
                pieces,
                [
                    one.text if index < start else spelled(one.text, command.to)
                    for index, one in enumerate(pieces.pieces)
                ],
            )
        )

    return change


_MAKERS: dict[type, Any] = {
    AddTags: _add,
    DeleteTags: _delete,
    RenameTags: _rename,
    ReplaceText: _replace,
    OrderTags: _order,
    SortTags: _sort,
    PrependText: _prepend,
    AppendText: _append,
    RemoveDuplicates: _remove_duplicates,
    SetCaption: _set,
    CopyCaption: _copy,
    RespellTags: _respell,
}


# ---- words -----------------------------------------------------------------------------------------------------------


def words_for(command: Command, num_changed: int, captions: Mapping[str, tuple[str, str]]) -> str:
    """What was done, for the history: ``delete smile, blush from 12 pictures``."""
    pictures = "1 picture" if num_changed == 1 else f"{num_changed:,} pictures"
    match command:
        case AddTags(tags, where, anchor):
            match where:
                case "before":
                    return f"add {_listed(tags)} before {anchor} to {pictures}"
                case "after":
                    return f"add {_listed(tags)} after {anchor} to {pictures}"
                case "first":
                    return f"add {_listed(tags)} first to {pictures}"
                case _:
                    return f"add {_listed(tags)} to {pictures}"
        case DeleteTags(tags):
            return f"delete {_listed(tags)} from {pictures}"
        case RenameTags(tags, new):
            if len(tags) == 1:
                return f"rename {_listed(tags)} to {_short(new)} in {pictures}"
            return f"merge {_listed(tags)} to {_short(new)} in {pictures}"
        case ReplaceText(find, replacement, is_pattern):
            if is_pattern:
                return f"replace pattern '{_short(find)}' by '{_short(replacement)}' in {pictures}"
            return f"replace '{_short(find)}' by '{_short(replacement)}' in {pictures}"
        case OrderTags(tags):
            return f"put {_listed(tags)} first in {pictures}"
        case SortTags(by):
            return f"sort by {by} in {pictures}"
        case PrependText(text):
            return f"put '{_short(text)}' in front of {pictures}"
        case AppendText(text):
            return f"put '{_short(text)}' behind {pictures}"
        case RemoveDuplicates():
            return f"remove duplicates from {pictures}"
        case SetCaption():
            return f"write the caption of {pictures}"
        case CopyCaption(source):
            return f"copy the caption of {_short(captions.get(source, (source, ''))[0])} to {pictures}"
        case RespellTags(to):
            return f"write {to} in {pictures}"


def _listed(tags: Sequence[str]) -> str:
    shown = ", ".join(_short(one) for one in tags[:3])
    return f"{shown} and {len(tags) - 3} more" if len(tags) > 3 else shown


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _words(text: str) -> str:
    stripped = text.strip().strip(",").strip()
    if not stripped or len(stripped) > MOST_TAG_CHARACTERS * 4:
        raise CommandRefused(f"Give 1 to {MOST_TAG_CHARACTERS * 4:,} characters.", "Write what to put in.")
    return stripped


def _first_of_each(tags: Sequence[str]) -> list[str]:
    first: dict[str, str] = {}
    for tag in tags:
        first.setdefault(key_of(tag), tag)
    return list(first.values())
