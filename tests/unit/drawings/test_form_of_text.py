"""A picture's text as the form's fields, also of other programs' pictures (I4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.drawings import service
from enogu.drawings.entities import ReadForm
from enogu.drawings.rules.form_of_text import read_form
from enogu.storage.database import reading
from tests.unit.drawings.places import Place

A1111 = """まめ、笑顔 <lora:mame:0.8>, (best quality:1.2)
Negative prompt: 暗い, lowres
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 965400086, Size: 512x768, \
Model hash: 45dee52b1a, Model: animé: v3, Clip skip: 2, Lora hashes: "mame: 1a2b3c4d5e6f", Version: v1.10.1"""


def read(place: Place, text: str) -> ReadForm:
    with reading(place.engine) as session:
        return service.read_parameters(session, place.settings, place.account.id, text)


def test_what_a1111_wrote_fills_the_form() -> None:
    """I4, with a Japanese prompt."""
    form = read_form(A1111)
    assert (form.prompt, form.negative_prompt) == ("まめ、笑顔 , (best quality:1.2)", "暗い, lowres")
    assert form.fields == {
        "width": 512, "height": 768, "steps": 28, "cfg": 6.5, "seed": 965400086, "clip_skip": 2, "sampler": "dpmpp_2m",
        "schedule_type": "karras",
    }  # fmt: skip
    assert [(one.reference, one.weight) for one in form.loras] == [("mame", 0.8)]
    assert form.lora_hashes == {"mame": "1a2b3c4d5e6f"}
    assert (form.base_model_name, form.base_model_hash) == ("animé: v3", "45dee52b1a")
    assert form.others == {}
    assert not any("Karras" in note for note in form.notes)


@pytest.mark.parametrize(
    ("written", "sampler", "is_noted"),
    [
        ("Euler a", "euler_a", False),
        ("DDIM", "ddim", False),
        ("DPM++ 2M Karras", "dpmpp_2m", False),
        ("DPM++ 2M SDE", "dpmpp_2m_sde", False),
        ("DPM++ SDE Karras", "dpmpp_2m_sde", True),
        ("DPM++ 2S a", "euler_a", True),
        ("Restart", "dpmpp_2m", True),
        ("k_euler_a", "euler_a", True),
    ],
)
def test_a_sampler_that_is_not_there_gets_the_nearest_one_and_a_note(
    written: str, sampler: str, is_noted: bool
) -> None:
    form = read_form(f"a\nSteps: 20, Sampler: {written}, Seed: 1, Size: 64x64, RNG: CPU")
    assert form.fields["sampler"] == sampler
    assert bool(form.notes) == is_noted


@pytest.mark.parametrize(
    ("written", "schedule", "left"),
    [
        ("Sampler: Euler, Schedule type: SGM Uniform", "sgm_uniform", None),
        ("Sampler: UniPC, Schedule type: Automatic", "automatic", None),
        ("Sampler: DPM++ 2M Karras", "karras", None),
        ("Sampler: Euler", None, None),
        ("Sampler: Euler, Schedule type: Uniform", None, None),
        ("Sampler: Euler a, Schedule type: Karras", None, "Karras"),
        ("Sampler: Euler, Schedule type: Align Your Steps", None, "Align Your Steps"),
    ],
)
def test_a_schedule_is_read_where_the_sampler_can_go_along_it(
    written: str, schedule: str | None, left: str | None
) -> None:
    form = read_form(f"a\nSteps: 20, {written}, Seed: 1, Size: 64x64, RNG: CPU")
    assert (form.fields.get("schedule_type"), form.others.get("Schedule type")) == (schedule, left)
    assert any("schedule" in note for note in form.notes) == (left is not None)


def test_what_would_draw_another_picture_is_named() -> None:
    form = read_form(
        "a\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 99999999999, Size: 64x64, Denoising strength: 0.5, "
        "Hires upscale: 2, RNG: CPU"
    )
    assert "seed" not in form.fields
    assert len(form.notes) == 2
    assert "99999999999" in form.notes[0]
    assert "Denoising strength, Hires upscale" in form.notes[1]


def test_a_tag_that_cannot_be_followed_stays_in_the_prompt_with_a_note() -> None:
    form = read_form("a <lora:x:1:0.5>\nSteps: 20, Sampler: Euler, Seed: 1, Size: 64x64, RNG: CPU")
    assert form.prompt == "a <lora:x:1:0.5>"
    assert form.loras == ()
    assert "one weight for the text encoder" in form.notes[0]


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    form = read_form(text)
    assert set(form.fields) <= {"width", "height", "steps", "cfg", "seed", "clip_skip", "sampler", "schedule_type"}


def test_a_lora_is_found_by_hash_even_when_it_was_renamed(place: Place) -> None:
    """I4."""
    lora = place.add_lora("mame_renamed", model_hash="1a2b3c4d5e6f7788")
    other = place.add_lora("zdm")
    form = read(place, A1111.replace("<lora:mame:0.8>", "<lora:mame:0.8> <lora:zdm:0.5> <lora:gone:1>"))
    assert [(one.name, one.weight, one.lora_id, one.library_name) for one in form.loras] == [
        ("mame", 0.8, lora.id, "mame_renamed"),
        ("zdm", 0.5, other.id, "zdm"),
        ("gone", 1.0, None, None),
    ]
    assert any("Not in your library: gone" in note for note in form.notes)
    assert form.base_model is not None
    assert form.base_model.base_model_id is None


def test_our_own_pictures_come_back_as_they_were_asked_for(place: Place) -> None:
    """I4: the whole circle, from the form to the picture's text and back."""
    lora = place.add_lora("まめ", clip_skip=2)
    request = place.ask(
        "笑顔, <lora:まめ:0.75> 1boy", negative_prompt="暗い", sampler="euler", schedule_type="karras", cfg=5.5
    )
    place.work()
    (drawing,) = place.drawings_of(request.id)
    form = read(place, drawing.parameters)
    assert form.prompt == request.cells[0].prompt
    assert form.negative_prompt == "暗い"
    assert form.fields == {
        "width": 64, "height": 64, "steps": 2, "cfg": 5.5, "seed": 7, "clip_skip": 2, "sampler": "euler",
        "schedule_type": "karras",
    }  # fmt: skip
    assert [(one.lora_id, one.weight) for one in form.loras] == [(lora.id, 0.75)]
    assert form.base_model is not None
    assert form.base_model.base_model_id == "starter"
    assert form.notes == ()
