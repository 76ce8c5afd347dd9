"""Recipes from values and settings: every problem at once, with path and cure; types are taken as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import RecipeRefused
from enogu.recipe import TrainRecipe, recipe_fields, recipe_from_values, recipe_json_schema, with_settings
from tests.strategies import field_values, recipes


def _refusals(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(RecipeRefused) as refused:
        recipe_from_values(values)
    assert all(problem.message and problem.cure for problem in refused.value.problems)
    return {problem.path: str(problem) for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"training": {"epoch": 3}}, "training.epoch", "Did you mean training.epochs?"),
        ({"epochs": 3}, "epochs", "Did you mean training.epochs?"),
        ({"training": {"dim": 3}}, "training.dim", "Did you mean adapter.dim?"),
        ({"network_dim": 3}, "network_dim", "Did you mean adapter.dim?"),
        ({"train_batch_size": 3}, "train_batch_size", "Did you mean training.batch_size?"),
        ({"scheduler": {}}, "scheduler", "Did you mean schedule?"),
        ({"noise": {"xyzzy": 3}}, "noise.xyzzy", "Known here: min_snr_gamma, debiased"),
        ({"xyzzy": 3}, "xyzzy", "Known here: output_name"),
        ({"training": {"epochs": "3"}}, "training.epochs", '"3" is not a whole number. Give a whole number (1 to'),
        ({"training": {"epochs": 2.5}}, "training.epochs", "2.5 is not a whole number"),
        ({"training": {"epochs": True}}, "training.epochs", "true is not a whole number"),
        ({"training": {"epochs": 0}}, "training.epochs", "0 is out of range. Allowed: 1 to 10000."),
        ({"optimizer": {"beta1": 1.0}}, "optimizer.beta1", "Allowed: from 0 and under 1."),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate", "Allowed: over 1e-07 up to 1."),
        ({"optimizer": {"learning_rate": float("nan")}}, "optimizer.learning_rate", "nan is no usable number"),
        ({"optimizer": {"learning_rate": "x"}}, "optimizer.learning_rate", "is not a number"),
        ({"pictures": {"resolution": 500}}, "pictures.resolution", "multiples of 8 from 64 to 4096"),
        ({"pictures": {"flip": 1}}, "pictures.flip", "Give true or false."),
        ({"pictures": {"background": "red"}}, "pictures.background", "#rrggbb"),
        ({"previews": {"width": 500}}, "previews.width", "multiples of 8"),
        ({"previews": {"prompts": "one"}}, "previews.prompts", 'such as ["one", "two"]'),
        ({"previews": {"prompts": ["one", 2]}}, "previews.prompts", "list of texts"),
        ({"previews": {"prompts": ["x"] * 101}}, "previews.prompts", "within 100"),
        ({"previews": {"sampler": "eulr"}}, "previews.sampler", 'Did you mean "euler"? Allowed: "ddim", "euler"'),
        ({"captions": {"max_token_length": 80}}, "captions.max_token_length", "Allowed: 75, 150, 225."),
        ({"trigger": 3}, "trigger", '3 is not text in quotes. Give text in quotes, such as "abc".'),
        ({"base_model": ""}, "base_model", "it is empty"),
        ({"schedule": {"kind": "cosin"}}, "schedule.kind", 'Did you mean "cosine"? Allowed: "constant", "constant_w'),
        ({"schedule": {"kind": 5}}, "schedule.kind", '"5" is not one of its choices'),
        ({"optimizer": {"kind": "lyon"}}, "optimizer.kind", 'Did you mean "lion"? Allowed: "adamw", "adamw8bit"'),
        ({"optimizer": {"kind": "prodigy", "learning_rate": 1.0}}, "optimizer.learning_rate", "finds its own"),
        ({"adapter": {"kind": "lokon"}}, "adapter.kind", 'Did you mean "locon"?'),
        ({"schedule": "cosine"}, "schedule", "set schedule.kind"),
        ({"training": 3}, "training", "Write a table [training]"),
    ],
)
def test_a_bad_value_is_named_with_its_path_and_cure(values: dict[str, Any], path: str, words: str) -> None:
    refusals = _refusals(values)
    assert list(refusals) == [path]
    assert words in refusals[path]


def test_all_problems_are_named_at_once_contradictions_included() -> None:
    """One look, one correction: F29."""
    refusals = _refusals(
        {
            "epochs": 3,
            "training": {"batch_size": "2", "clip_skip": 99},
            "schedule": {"kind": "constant", "warmup_percent": 5},
            "adapter": {"dim": 8, "alpha": 16},
            "pictures": {"resolution": 520},
        }
    )
    assert set(refusals) == {
        "epochs",
        "training.batch_size",
        "training.clip_skip",
        "schedule.warmup_percent",
        "adapter.alpha",
        "pictures.resolution",
    }


def test_a_contradiction_with_a_value_that_was_wrong_itself_is_not_invented() -> None:
    """With dim unreadable nobody knows whether alpha is over it."""
    assert list(_refusals({"adapter": {"dim": "eight", "alpha": 32}})) == ["adapter.dim"]
    assert list(_refusals({"pictures": {"resolution": "1024", "min_bucket": 768}})) == ["pictures.resolution"]


def test_whole_numbers_do_where_numbers_are_wanted() -> None:
    assert recipe_from_values({"adapter": {"dim": 8, "alpha": 4}}).adapter.alpha == 4.0


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("training.epochs=3", "training.epochs", 3),
        (" training.epochs = 3 ", "training.epochs", 3),
        ("trigger=123", "trigger", "123"),
        ("trigger=zdm", "trigger", "zdm"),
        ('trigger="zdm"', "trigger", "zdm"),
        ("previews.negative_prompt=a=b, c", "previews.negative_prompt", "a=b, c"),
        ("optimizer.learning_rate=1e-3", "optimizer.learning_rate", 1e-3),
        ("noise.min_snr_gamma=5", "noise.min_snr_gamma", 5.0),
        ("noise.min_snr_gamma=none", "noise.min_snr_gamma", None),
        ("training.mixed_precision=none", "training.mixed_precision", "none"),
        ("captions.max_token_length=150", "captions.max_token_length", 150),
        ("pictures.flip=true", "pictures.flip", True),
        ("schedule.kind=cosine", "schedule.kind", "cosine"),
        ("previews.prompts=zdm, smile", "previews.prompts", ("zdm, smile",)),
        ('previews.prompts=["zdm", "zdm, smile"]', "previews.prompts", ("zdm", "zdm, smile")),
        ('previews.prompts="zdm"', "previews.prompts", ("zdm",)),
        ("previews.prompts=", "previews.prompts", ()),
    ],
)
def test_a_setting_is_read_as_its_field_wants_it(setting: str, path: str, value: object) -> None:
    found: Any = with_settings(TrainRecipe(), [setting])
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


@pytest.mark.parametrize(
    ("setting", "path", "words"),
    [
        ("training.epochs", "training.epochs", "field=value"),
        ("training.epochs=abc", "training.epochs", "whole number"),
        ("training.epoch=3", "training.epoch", "Did you mean training.epochs?"),
        ("trigger.x=3", "trigger.x", "single setting"),
        ("pictures=3", "pictures", "table [pictures]"),
        ("a.b.c=3", "a", "no such setting"),
        ("=3", "", "no such setting"),
    ],
)
def test_a_bad_setting_is_refused_like_a_bad_value(setting: str, path: str, words: str) -> None:
    with pytest.raises(RecipeRefused) as refused:
        with_settings(recipe_from_values({"trigger": "zdm"}), [setting])
    assert [problem.path for problem in refused.value.problems] == [path]
    assert words in str(refused.value)


def test_later_settings_win_and_the_rest_stays() -> None:
    recipe = recipe_from_values({"trigger": "zdm", "training": {"epochs": 5}})
    changed = with_settings(recipe, ["training.epochs=3", "training.epochs=4"])
    assert (changed.trigger, changed.training.epochs) == ("zdm", 4)
    assert recipe.training.epochs == 5


def test_followers_follow_a_setting_unless_they_were_given() -> None:
    assert with_settings(TrainRecipe(), ["adapter.dim=4"]).adapter.alpha == 4
    given = recipe_from_values({"adapter": {"dim": 32, "alpha": 16}})
    with pytest.raises(RecipeRefused, match="Set it to 4 or less"):
        with_settings(given, ["adapter.dim=4"])


def test_a_new_kind_drops_what_it_does_not_have_but_not_what_is_set_with_it() -> None:
    """F30: fields that do not apply vanish; F29: what is asked for in the same breath is refused."""
    recipe = recipe_from_values({"schedule": {"cycles": 3, "warmup_percent": 5}})
    changed = with_settings(recipe, ["schedule.kind=cosine"]).schedule
    assert (changed.kind, getattr(changed, "warmup_percent", None)) == ("cosine", 5)
    assert with_settings(recipe, ["schedule.kind=constant"]).schedule.kind == "constant"
    with pytest.raises(RecipeRefused, match="cosine_with_restarts"):
        with_settings(recipe, ["schedule.kind=cosine", "schedule.cycles=2"])


@given(recipes())
def test_no_settings_change_nothing(recipe: TrainRecipe) -> None:
    assert with_settings(recipe, []) == recipe


@given(st.data())
def test_every_field_takes_its_whole_range_as_a_setting(data: st.DataObject) -> None:
    """Also those that contradict others: then the refusal is a contradiction, never a wrong type."""
    field = data.draw(st.sampled_from([field for field in recipe_fields() if field.value_type not in (str, tuple)]))
    value = data.draw(field_values(field))
    kind = [f"{field.path.partition('.')[0]}.kind={field.kind}"] if field.kind else []
    setting = f"{field.path}={json.dumps(value)}"
    try:
        found: Any = with_settings(TrainRecipe(), [*kind, setting])
    except RecipeRefused as refused:
        assert "is not" not in str(refused) and "out of range" not in str(refused)
        return
    for name in field.path.split("."):
        found = getattr(found, name)
    assert found == value


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_any_rubbish_is_refused_in_words_and_never_breaks(data: st.DataObject) -> None:
    paths = st.sampled_from([*(field.path for field in recipe_fields()), *TrainRecipe.model_fields, "x", "noise.x"])
    values: dict[str, Any] = {}
    for path, value in data.draw(st.dictionaries(paths, JSON_VALUES, max_size=6)).items():
        section, _, name = path.rpartition(".")
        where = values.setdefault(section, {}) if section else values
        if isinstance(where, dict):
            where[name] = value
    try:
        recipe_from_values(values)
    except RecipeRefused as refused:
        assert refused.problems
        assert all(problem.message for problem in refused.problems)


def test_the_json_schema_holds_sentence_range_default_and_product_id_of_each_field() -> None:
    """The only source of form, flags, docs and Kohya table."""
    schema = recipe_json_schema()
    dim = schema["$defs"]["LoraAdapter"]["properties"]["dim"]
    assert (dim["minimum"], dim["maximum"], dim["default"]) == (1, 1024, 16)
    assert (dim["product"], dim["kohya"], dim["advanced"]) == ("F13", "network_dim", False)
    assert dim["description"].endswith(".")
    assert set(schema["properties"]["schedule"]["discriminator"]["mapping"]) == {
        "constant",
        "constant_with_warmup",
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
    }
    assert schema["additionalProperties"] is False
    json.dumps(schema)
