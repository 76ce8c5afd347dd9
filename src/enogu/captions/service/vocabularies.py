"""Which tags there are, for completing and for naming them: imported lists, taggers, one's own captions (E4).

Imported lists are rows, found by their beginnings in the database. The tagger's list and one's own tags are small and
held in memory, a bounded number of them: one's own by the revision of their captions, so they are never out of date.
"""

from __future__ import annotations

import csv
import heapq
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from enogu.captions import store
from enogu.captions.entities import (
    MOST_VOCABULARIES,
    Category,
    Completion,
    KnownTag,
    Spelling,
    Vocabulary,
    VocabularyRefused,
)
from enogu.captions.rules.completion import MOST_COMPLETIONS, PrefixIndex, Ranked, Source, merged
from enogu.captions.rules.text import key_of
from enogu.captions.rules.union import collect_tags, union_of
from enogu.captions.rules.vocabulary_file import prefixes_of
from enogu.datasets import service as datasets
from enogu.datasets.entities import Dataset, TaggerFacts
from enogu.errors import EnoguError, NotFound
from enogu.settings import Settings
from enogu.storage.database import Session
from enogu.storage.files import Files
from enogu.words import spoken

UNFINISHED_FOR = timedelta(hours=1)
"""A list whose import broke off is taken away after that, when its owner imports another."""
OWN_DATASETS = 6
"""So many of one's datasets give their tags: the one that is open, and those made last."""
OWN_TAGS = 1000
"""The most used ones of each."""
MOST_HEADS = 60
"""Tags kept for each very short beginning."""


# ---- imported lists --------------------------------------------------------------------------------------------------


def start_vocabulary(session: Session, owner_id: str, name: str, now: datetime) -> str:
    """A new list that is not shown before ``end_vocabulary``; its id. Raises VocabularyRefused."""
    shown = " ".join("".join(one if one.isprintable() else " " for one in name).split())[: store.NAME_LENGTH]
    for one in store.list_vocabularies(session, owner_id):
        if one.num_tags == 0 and now - one.created_at > UNFINISHED_FOR:
            store.delete_vocabulary(session, owner_id, one.id)
    if store.count_vocabularies(session, owner_id) >= MOST_VOCABULARIES:
        raise VocabularyRefused(f"There are {MOST_VOCABULARIES} lists of tags already.", "Delete one of them.")
    return store.add_vocabulary(session, owner_id, shown or "tags", now)


class Heads:
    """The best tags for each very short beginning, collected while a list is imported."""

    def __init__(self) -> None:
        self._best: dict[bytes, list[tuple[int, int, int]]] = {}

    def note(self, key: bytes, kind: int, count: int, number: int) -> None:
        """One beginning of one tag."""
        entry = (-kind, count, -number)
        for length in range(1, min(len(key), store.SHORT_BYTES) + 1):
            best = self._best.setdefault(key[:length], [])
            if len(best) < MOST_HEADS:
                heapq.heappush(best, entry)
            elif entry > best[0]:
                heapq.heapreplace(best, entry)

    def rows(self) -> Iterable[tuple[bytes, int, int, int]]:
        """As ``store.add_keys`` takes them."""
        for key, best in self._best.items():
            for kind, count, number in dict.fromkeys(best):
                yield key, -kind, count, -number


def add_tags(
    session: Session, owner_id: str, vocabulary_id: str, first: int, tags: Sequence[KnownTag], heads: Heads
) -> None:
    """The next tags of a list, numbered from ``first``. Raises NotFound when it was deleted meanwhile."""
    get_vocabulary(session, owner_id, vocabulary_id)
    store.add_tags(session, vocabulary_id, list(enumerate(tags, first)))
    keys: dict[tuple[bytes, int, int, int], None] = {}
    for number, tag in enumerate(tags, first):
        for text, kind in prefixes_of(tag):
            key = text.encode()[: store.KEY_BYTES]
            keys[key, kind, tag.count, number] = None
            heads.note(key, kind, tag.count, number)
    store.add_keys(session, vocabulary_id, keys)


def end_vocabulary(session: Session, owner_id: str, vocabulary_id: str, num_tags: int, heads: Heads) -> Vocabulary:
    """The list is whole."""
    get_vocabulary(session, owner_id, vocabulary_id)
    store.add_keys(session, vocabulary_id, heads.rows(), are_heads=True)
    store.set_num_tags(session, vocabulary_id, num_tags)
    return get_vocabulary(session, owner_id, vocabulary_id)


def get_vocabulary(session: Session, owner_id: str, vocabulary_id: str) -> Vocabulary:
    """Raises NotFound, too, when it is somebody else's."""
    found = store.find_vocabulary(session, owner_id, vocabulary_id)
    if found is None:
        raise NotFound("There is no such list of tags.", "It may have been deleted.")
    return found


def list_vocabularies(session: Session, owner_id: str) -> tuple[Vocabulary, ...]:
    """Whole ones, oldest first."""
    return tuple(one for one in store.list_vocabularies(session, owner_id) if one.num_tags)


def delete_vocabulary(session: Session, owner_id: str, vocabulary_id: str) -> None:
    """Raises NotFound."""
    if not store.delete_vocabulary(session, owner_id, vocabulary_id):
        get_vocabulary(session, owner_id, vocabulary_id)


# ---- completing ------------------------------------------------------------------------------------------------------


def complete(
    session: Session,
    settings: Settings,
    files: Files,
    owner_id: str,
    typed: str,
    *,
    dataset_id: str | None = None,
    spelling: Spelling = "spaces",
    limit: int = 20,
) -> tuple[Completion, ...]:
    """What ``typed`` may become: by name, later word, alias or translation. Raises NotFound for the dataset."""
    wanted = min(max(limit, 1), MOST_COMPLETIONS)
    dataset = None if dataset_id is None else datasets.get_dataset(session, owner_id, dataset_id)
    key = key_of(typed)
    if not key:
        return ()
    found: list[tuple[Source, Sequence[Ranked]]] = [
        ("own", _summed(one.find(key, 4 * wanted) for one in _own_indexes(session, owner_id, dataset)))
    ]
    for facts in _taggers(session, settings, owner_id, dataset):
        found.append(("tagger", _tagger_index(files, settings, facts).find(key, wanted)))
    found.append(("tagger", _shipped_index().find(key, wanted)))
    typed_bytes = key.encode()[: store.KEY_BYTES]
    imported = [one.id for one in list_vocabularies(session, owner_id)]
    for vocabulary_id in imported:
        met = store.find_tags(session, vocabulary_id, typed_bytes, wanted)
        ranked = [(kind, count, tag, _read(key) if kind >= 2 else "") for kind, count, tag, key in met]
        found.append(("imported", ranked))
    shipped = _shipped_translations()
    offered = _translated(session, imported, merged(found, shipped, spelling, wanted))
    if spoken() == "ja":
        return offered
    return tuple(replace(one, translation="") if one.translation == shipped.get(key_of(one.name)) else one
                 for one in offered)  # fmt: skip


def _translated(session: Session, imported: Sequence[str], offered: Sequence[Completion]) -> tuple[Completion, ...]:
    """With the translations of other lists than the one that has the tag: people bring names and words in two files."""
    bare = {one.name: key_of(one.name).encode()[: store.KEY_BYTES] for one in offered if not one.translation}
    known = store.find_exact(session, imported, list(bare.values())) if imported and bare else {}
    return tuple(
        replace(one, translation=known[bare[one.name]].translation) if bare.get(one.name) in known else one
        for one in offered
    )


@dataclass(frozen=True)
class TagKnowledge:
    """What vocabularies say of tags, by key."""

    categories: Mapping[str, Category]
    translations: Mapping[str, str]


def knowledge_of(
    session: Session, settings: Settings, files: Files, owner_id: str, dataset: Dataset, keys: Iterable[str]
) -> TagKnowledge:
    """Category and translation of tags: the tagger's first, then imported lists, then what ships.

    What ships is in Japanese, and only said there; whoever imports a list wants to see it in any language.
    """
    wanted = list(keys)
    categories: dict[str, Category] = {}
    translations: dict[str, str] = {}
    imported = [one.id for one in list_vocabularies(session, owner_id)]
    by_bytes = (
        store.find_exact(session, imported, [one.encode()[: store.KEY_BYTES] for one in wanted]) if imported else {}
    )
    shipped = _shipped_translations() if spoken() == "ja" else {}
    listed = [_tagger_categories(files, settings, one) for one in _taggers(session, settings, owner_id, dataset)]
    for key in wanted:
        tag = by_bytes.get(key.encode()[: store.KEY_BYTES])
        category: Category | None = next((one[key] for one in listed if key in one), None)
        if category is None and tag is not None:
            category = tag.category
        if category is not None:
            categories[key] = category
        translation = (tag.translation if tag else "") or shipped.get(key, "")
        if translation:
            translations[key] = translation
    return TagKnowledge(categories, translations)


# ---- small lists in memory -------------------------------------------------------------------------------------------

_MOST_INDEXES = 8
_indexes: OrderedDict[tuple[str, int], PrefixIndex] = OrderedDict()
_lock = threading.Lock()


def _own_indexes(session: Session, owner_id: str, dataset: Dataset | None) -> list[PrefixIndex]:
    recent = datasets.list_datasets(session, owner_id, limit=OWN_DATASETS)
    chosen = {one.id: one for one in ([dataset] if dataset else []) + list(recent)}
    return [_own_index(session, owner_id, one) for one in list(chosen.values())[:OWN_DATASETS]]


def _own_index(session: Session, owner_id: str, dataset: Dataset) -> PrefixIndex:
    key = (dataset.id, dataset.captions_revision)
    with _lock:
        if key in _indexes:
            _indexes.move_to_end(key)
            return _indexes[key]
    texts = [one.caption for one in datasets.pictures_to_train(session, owner_id, dataset.id)]
    tags = [one for one in union_of(collect_tags(texts), trigger=dataset.trigger) if len(one.key) <= 100][:OWN_TAGS]
    made = PrefixIndex(KnownTag(one.shown, one.category, one.count) for one in tags)
    with _lock:
        for old in [one for one in _indexes if one[0] == dataset.id]:
            del _indexes[old]
        _indexes[key] = made
        while len(_indexes) > _MOST_INDEXES:
            _indexes.popitem(last=False)
    return made


def _summed(found: Iterable[Sequence[Ranked]]) -> list[Ranked]:
    """One's own tags of several datasets as one list, their pictures added."""
    by_key: dict[str, Ranked] = {}
    for ranked in found:
        for kind, count, tag, matched in ranked:
            key = key_of(tag.name)
            if key in by_key:
                best, before, first, met = by_key[key]
                total = before + count
                by_key[key] = (min(kind, best), total, replace(first, count=total), met)
            else:
                by_key[key] = (kind, count, tag, matched)
    return list(by_key.values())


def _taggers(session: Session, settings: Settings, owner_id: str, dataset: Dataset | None) -> list[TaggerFacts]:
    """The dataset's tagger, or the starter where there is none or it cannot be read."""
    names = ["starter"] if dataset is None else [dataset.tag.tagger]
    found: list[TaggerFacts] = []
    for name in names:
        try:
            found.append(datasets.usable_tagger(session, settings, owner_id, name))
        except EnoguError:
            found.append(datasets.usable_tagger(session, settings, owner_id, "starter"))
    return found


_tagger_lists: OrderedDict[tuple[object, ...], tuple[PrefixIndex, dict[str, Category]]] = OrderedDict()


def _tagger_list(files: Files, settings: Settings, facts: TaggerFacts) -> tuple[PrefixIndex, dict[str, Category]]:
    key = (str(settings.home), facts.id, facts.csv_sha256, facts.num_tags, facts.recommended_threshold)
    with _lock:
        if key in _tagger_lists:
            _tagger_lists.move_to_end(key)
            return _tagger_lists[key]
    tags = datasets.read_vocabulary(files, settings, facts)
    shipped = _shipped_by_key()
    known: list[KnownTag] = []
    for tag in tags:
        more = shipped.get(key_of(tag.name))
        known.append(
            KnownTag(tag.name, tag.category, tag.count, more.aliases if more else (), more.translation if more else "")
        )
    categories: dict[str, Category] = {key_of(one.name): one.category for one in known}
    made = (PrefixIndex(known), categories)
    with _lock:
        _tagger_lists[key] = made
        while len(_tagger_lists) > 2:
            _tagger_lists.popitem(last=False)
    return made


def _tagger_index(files: Files, settings: Settings, facts: TaggerFacts) -> PrefixIndex:
    return _tagger_list(files, settings, facts)[0]


def _tagger_categories(files: Files, settings: Settings, facts: TaggerFacts) -> dict[str, Category]:
    return _tagger_list(files, settings, facts)[1]


@lru_cache(maxsize=1)
def _shipped() -> tuple[KnownTag, ...]:
    """Tags with a Japanese word for each, and other names; written for this project."""
    with (Path(__file__).parents[1] / "words" / "tags_ja.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            KnownTag(
                row["tag"], "general", 0, tuple(one for one in row["aliases"].split(",") if one), row["translation"]
            )
            for row in csv.DictReader(file)
        )


@lru_cache(maxsize=1)
def _shipped_index() -> PrefixIndex:
    return PrefixIndex(_shipped())


@lru_cache(maxsize=1)
def _shipped_by_key() -> dict[str, KnownTag]:
    return {key_of(one.name): one for one in _shipped()}


@lru_cache(maxsize=1)
def _shipped_translations() -> dict[str, str]:
    return {key: one.translation for key, one in _shipped_by_key().items()}


def _read(key: bytes) -> str:
    return key.decode("utf-8", "ignore")
