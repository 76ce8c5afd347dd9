"""``<lora:name:weight>`` in prompts, as A1111 reads it (I2), and triggers put in front (I1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.drawings.entities import DrawingRefused, LoraWish
from enogu.drawings.rules.lora_tags import check_weights, parse_prompt, with_triggers, write_tag

NAMES = st.text(
    st.characters(exclude_characters="<>:", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20
).filter(lambda name: name == name.strip() and "=" not in name)
WEIGHTS = st.integers(-200, 200).map(lambda number: number / 100)
TEXTS = st.text(st.characters(exclude_characters="<>", exclude_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize(
    ("prompt", "text", "loras"),
    [
        ("mame, smile", "mame, smile", []),
        ("mame <lora:mame:0.8>", "mame", [("mame", 0.8)]),
        ("<lora:mame>mame", "mame", [("mame", 1.0)]),
        ("a <lora:x:0.5> b <LORA:y:-1> c", "a  b  c", [("x", 0.5), ("y", -1.0)]),
        ("a, <lora:まめ v2.1:0.8>, b", "a, , b", [("まめ v2.1", 0.8)]),
        ("<lora:x:0.5:0.5>", "", [("x", 0.5)]),
        ("<lora:x:te=0.7:unet=0.7>", "", [("x", 0.7)]),
        ("<lora:x:te=0.7>", "", [("x", 0.7)]),
        ("<lora:x:0.4> <lora:x:0.3>", "", [("x", 0.7)]),
        ("<lyco:x:1>", "", [("x", 1.0)]),
        ("a <b> (c:1.2) [d] <e:f>", "a <b> (c:1.2) [d] <e:f>", []),
    ],
)
def test_tags_are_taken_out_and_nothing_else_changes(prompt: str, text: str, loras: list[tuple[str, float]]) -> None:
    """I2."""
    parsed = parse_prompt(prompt)
    assert (parsed.text, [(one.reference, one.weight) for one in parsed.loras]) == (text, loras)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("<lora:x:strong>", "'strong' in <lora:x:strong> is no weight"),
        ("<lora: :1>", "names no LoRA"),
        ("<lora:x:0.5:1>", "one weight for the text encoder and another"),
        ("<lora:x:unet=0.5>", "one weight for the text encoder and another"),
        ("<lora:x:1:1:8>", "another dim"),
        ("<lora:x:dyn=8>", "another dim"),
        ("<lora:x:mid=1>", "'mid', which Enogu does not know"),
        ("<hypernet:x:1>", "hypernetwork 'x:1'"),
    ],
)
def test_a_tag_that_cannot_be_followed_is_refused_in_words(prompt: str, words: str) -> None:
    with pytest.raises(DrawingRefused, match=words) as refused:
        parse_prompt(prompt)
    assert refused.value.cure


@given(st.lists(st.tuples(TEXTS, NAMES, WEIGHTS), max_size=5), TEXTS)
def test_what_is_written_as_tags_is_read_back(parts: list[tuple[str, str, float]], tail: str) -> None:
    prompt = "".join(text + write_tag(name, weight) for text, name, weight in parts) + tail
    parsed = parse_prompt(prompt)
    assert parsed.text == ("".join(text for text, _, _ in parts) + tail).strip()
    sums: dict[str, float] = {}
    for _, name, weight in parts:
        sums[name] = round(sums.get(name, 0) + weight, 6)
    assert {one.reference: one.weight for one in parsed.loras} == sums


@pytest.mark.parametrize("weight", [2.01, -2.01, float("nan"), float("inf")])
def test_weights_have_bounds_that_are_named(weight: float) -> None:
    """I2."""
    with pytest.raises(DrawingRefused, match="mame is to be used at weight"):
        check_weights([LoraWish("mame", weight)])
    check_weights([LoraWish("mame", 2.0), LoraWish("zdm", -2.0)])


@pytest.mark.parametrize(
    ("prompt", "triggers", "expected"),
    [
        ("smile", ["mame"], "mame, smile"),
        ("smile, mame", ["mame"], "smile, mame"),
        ("smile, (Mame:1.2)", ["mame"], "smile, (Mame:1.2)"),
        ("mamegon", ["mame"], "mame, mamegon"),
        ("", ["mame"], "mame"),
        ("smile", ["", "mame", "mame"], "mame, smile"),
        ("smile, red hat, zdm", ["zdm, red hat"], "smile, red hat, zdm"),
        ("微笑", ["ずんだ"], "ずんだ, 微笑"),
    ],
)
def test_triggers_are_put_in_front_where_they_are_missing(prompt: str, triggers: list[str], expected: str) -> None:
    """I1."""
    assert with_triggers(prompt, triggers) == expected
