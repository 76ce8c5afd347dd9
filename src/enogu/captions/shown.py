"""The forms in which captions, commands and vocabularies are shown and asked for over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from enogu.captions.entities import (
    MOST_CHARACTERS,
    AddTags,
    AppendText,
    Category,
    Changes,
    Command,
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
    Spelling,
    Vocabulary,
)
from enogu.captions.rules.fed import FedCaption
from enogu.captions.rules.text import spelled, tags_of
from enogu.captions.rules.token_counts import TokenCount
from enogu.captions.rules.traits import Advice, KeptCode, Level, ReasonCode
from enogu.datasets.entities import MOST_PICTURES, CaptionEdit
from enogu.words.answers import Words

Id = Annotated[str, Field(min_length=1, max_length=26)]
_Tag = Annotated[str, Field(max_length=500)]
_Tags = Annotated[list[_Tag], Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]
MOST_EXAMPLES = 5


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# ---- commands --------------------------------------------------------------------------------------------------------


class AddBody(_Body):
    """Put tags in where they are missing."""

    kind: Literal["add"]
    tags: _Tags
    where: Literal["first", "last", "before", "after"] = "last"
    anchor: _Tag = ""


class DeleteBody(_Body):
    """Take tags out, in every spelling."""

    kind: Literal["delete"]
    tags: _Tags
    with_trigger: bool = False


class RenameBody(_Body):
    """Tags become one other; several are merged."""

    kind: Literal["rename"]
    tags: _Tags
    new: _Tag


class ReplaceBody(_Body):
    """Plain text or a regular expression."""

    kind: Literal["replace"]
    find: Annotated[str, Field(max_length=500)]
    replacement: Annotated[str, Field(max_length=500)] = ""
    is_pattern: bool = False
    scope: Literal["caption", "tag"] = "caption"
    ignore_case: bool = False


class OrderBody(_Body):
    """These first, in this order."""

    kind: Literal["order"]
    tags: _Tags


class SortBody(_Body):
    """All tags."""

    kind: Literal["sort"]
    by: Literal["count", "alphabet", "category"]


class PrependBody(_Body):
    """Words behind the trigger."""

    kind: Literal["prepend"]
    text: _Text


class AppendBody(_Body):
    """Words at the end."""

    kind: Literal["append"]
    text: _Text


class RemoveDuplicatesBody(_Body):
    """The first of each stays."""

    kind: Literal["remove_duplicates"]


class SetBody(_Body):
    """The whole caption."""

    kind: Literal["set"]
    text: _Text


class CopyBody(_Body):
    """From another picture of the dataset."""

    kind: Literal["copy"]
    from_picture_id: Id


class RespellBody(_Body):
    """Underscores or spaces."""

    kind: Literal["respell"]
    to: Literal["spaces", "underscores"]


CommandBody = Annotated[
    AddBody
    | DeleteBody
    | RenameBody
    | ReplaceBody
    | OrderBody
    | SortBody
    | PrependBody
    | AppendBody
    | RemoveDuplicatesBody
    | SetBody
    | CopyBody
    | RespellBody,
    Field(discriminator="kind"),
]

_COMMANDS: dict[str, Any] = {
    "add": AddTags, "delete": DeleteTags, "rename": RenameTags, "replace": ReplaceText, "order": OrderTags,
    "sort": SortTags, "prepend": PrependText, "append": AppendText, "remove_duplicates": RemoveDuplicates,
    "set": SetCaption, "copy": CopyCaption, "respell": RespellTags,
}  # fmt: skip


def command_of(body: CommandBody) -> Command:
    """The command that a body asks for."""
    values = body.model_dump(exclude={"kind"})
    return _COMMANDS[body.kind](**{name: tuple(one) if isinstance(one, list) else one for name, one in values.items()})


class EditToMake(_Body):
    """A command and the pictures it is for."""

    command: CommandBody
    picture_ids: Annotated[list[Id], Field(max_length=MOST_PICTURES)] | None = None
    """None: all."""
    filter: Annotated[str, Field(max_length=2000)] = ""
    """Of those, the ones it takes."""
    dry_run: bool = False
    expected_revision: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """``captions_revision`` when the captions were read; another one now refuses the edit."""
    with_captions: bool = False
    """Answer with every caption that is changed, as it is afterwards: who shows them needs no second request."""


class TextToCount(_Body):
    """A caption that is being typed."""

    text: _Text
    limit: Literal[75, 150, 225] = 75


class FedToShow(_Body):
    """A recipe whose captions are wanted."""

    recipe: dict[str, Any] = Field(default_factory=dict)
    step: Annotated[int, Field(ge=1, le=10**9)] = 1
    most: Annotated[int, Field(ge=1, le=50)] = 3
    picture_ids: Annotated[list[Id], Field(max_length=MOST_PICTURES)] | None = None


# ---- shown -----------------------------------------------------------------------------------------------------------


class CaptionShown(BaseModel):
    """One picture's caption."""

    picture_id: str
    name: str
    caption: str
    tags: list[str]
    """Its pieces as they are shown; sentences are one piece."""


class CaptionsShown(BaseModel):
    """The captions that the filter takes, a page of them."""

    captions_revision: int
    trigger: str
    num_pictures: int
    num_matching: int
    num_to_undo: int
    num_to_redo: int
    captions: list[CaptionShown]


class PictureIdsShown(BaseModel):
    """Which pictures a filter takes, in the order of the dataset."""

    captions_revision: int
    picture_ids: list[str]


class UnionTagShown(BaseModel):
    """One tag of the union."""

    key: str
    shown: str
    count: int
    category: Category
    is_trigger: bool
    translation: str


class UnionShown(BaseModel):
    """Every tag with the number of pictures that have it."""

    captions_revision: int
    num_pictures: int
    tags: list[UnionTagShown]


class ExampleShown(BaseModel):
    """One caption before and after."""

    picture_id: str
    name: str
    before: str
    after: str


class EditShown(BaseModel):
    """One entry of the history."""

    number: int
    words: Words
    num_pictures: int
    made_at: datetime
    is_undone: bool
    captions_revision: int


class EditedShown(BaseModel):
    """What a command did, or would do."""

    words: Words
    num_selected: int
    num_changed: int
    captions_revision: int
    examples: list[ExampleShown]
    edit: EditShown | None
    """None for a dry run, and when nothing was changed."""
    captions: list[CaptionShown]
    """All that are changed, as they are afterwards; empty unless asked for."""


class ProposalShown(BaseModel):
    """A tag to delete."""

    key: str
    count: int
    num_pictures: int
    kind: str
    reason_code: ReasonCode
    reason: Words


class KeptShown(BaseModel):
    """A shared tag that stays."""

    key: str
    count: int
    num_pictures: int
    kind: str
    reason_code: KeptCode
    reason: Words


class AdviceShown(BaseModel):
    """What the trait advisor says."""

    level: Level
    proposals: list[ProposalShown]
    kept: list[KeptShown]


class TagTokensShown(BaseModel):
    """One piece in tokens."""

    text: str
    first: int
    num_tokens: int
    window: int
    is_cut: bool
    is_beyond: bool


class TokenCountShown(BaseModel):
    """A caption in tokens."""

    num_tokens: int
    limit: int
    smallest_limit: int | None
    first_beyond: str | None
    tags: list[TagTokensShown]


class CaptionTokensShown(BaseModel):
    """One picture's caption in tokens."""

    picture_id: str
    name: str
    num_tokens: int
    smallest_limit: int | None
    first_beyond: str | None


class FedCaptionShown(BaseModel):
    """One caption as the trainer gets it."""

    picture_id: str
    name: str
    epoch: int
    step: int
    written: str
    fed: str
    tokens: TokenCountShown


class FedShown(BaseModel):
    """What the trainer sees."""

    num_steps: int
    captions: list[FedCaptionShown]


class CompletionShown(BaseModel):
    """One proposal while typing."""

    name: str
    category: Category
    count: int
    source: Literal["own", "tagger", "imported"]
    translation: str
    matched: str


class VocabularyShown(BaseModel):
    """An imported list of tags."""

    id: str
    name: str
    num_tags: int
    created_at: datetime


class ImportedShown(VocabularyShown):
    """Just imported."""

    num_left_out: int
    """Rows that did not fit."""


def edit_shown(edit: CaptionEdit) -> EditShown:
    """An entry of the history."""
    return EditShown(
        number=edit.number,
        words=edit.words,
        num_pictures=edit.num_pictures,
        made_at=edit.made_at,
        is_undone=edit.is_undone,
        captions_revision=edit.captions_revision,
    )


def caption_shown(picture_id: str, name: str, caption: str, spelling: Spelling = "as_written") -> CaptionShown:
    """One picture's caption and its tags."""
    tags = [spelled(tag, spelling) for tag in tags_of(caption)]
    return CaptionShown(picture_id=picture_id, name=name, caption=caption, tags=tags)


def edited_shown(
    changes: Changes, revision: int, edit: CaptionEdit | None, *, with_captions: bool = False
) -> EditedShown:
    """What a command came to."""
    shown = changes.changed if with_captions else ()
    return EditedShown(
        words=changes.words,
        num_selected=changes.num_selected,
        num_changed=len(changes.changed),
        captions_revision=revision if edit is None else edit.captions_revision,
        examples=[ExampleShown(**asdict(one)) for one in changes.changed[:MOST_EXAMPLES]],
        edit=None if edit is None else edit_shown(edit),
        captions=[caption_shown(one.picture_id, one.name, one.after) for one in shown],
    )


def advice_shown(advice: Advice) -> AdviceShown:
    """What the advisor says."""
    return AdviceShown(
        level=advice.level,
        proposals=[ProposalShown(**asdict(one)) for one in advice.proposals],
        kept=[KeptShown(**asdict(one)) for one in advice.kept],
    )


def tokens_shown(count: TokenCount) -> TokenCountShown:
    """A caption in tokens."""
    return TokenCountShown(**asdict(count))


def fed_shown(found: Sequence[FedCaption], num_steps: int, counts: Sequence[TokenCount]) -> FedShown:
    """What the trainer sees."""
    captions = [
        FedCaptionShown(**asdict(one), tokens=tokens_shown(count)) for one, count in zip(found, counts, strict=True)
    ]
    return FedShown(num_steps=num_steps, captions=captions)


def vocabulary_shown(one: Vocabulary) -> VocabularyShown:
    """A list of tags."""
    return VocabularyShown(**asdict(one))
