"""F33: what another trainer's file means is what the recipe says, and nothing of it goes missing without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import EnoguError, RecipeRefused, WrongUse
from enogu.recipe import TrainRecipe, parse_recipe, recipe_to_toml
from enogu.recipe.foreign import Remark, SettingsFile
from enogu.recipe.foreign.files import MAX_CHARACTERS
from enogu.recipe.foreign.importing import ImportedRecipe, import_recipe

HERE = Path(__file__).parent


def read(*names: str, num_pictures: int | None = None) -> ImportedRecipe:
    files = [SettingsFile(name, (HERE / name).read_text(encoding="utf-8")) for name in names]
    return import_recipe(files, num_pictures=num_pictures)


def remark_on(imported: ImportedRecipe, name: str) -> Remark:
    found = [remark for remark in imported.remarks if remark.name == name]
    assert len(found) == 1, (name, found)
    return found[0]


def of_text(text: str, name: str = "some.toml") -> ImportedRecipe:
    return import_recipe([SettingsFile(name, text)])


def test_a_file_of_kohya_ss_becomes_the_recipe_that_it_means() -> None:
    imported = read("kohya_gui.json")
    recipe = imported.recipe
    assert imported.source == "kohya_ss"
    assert (recipe.output_name, recipe.seed, recipe.base_model) == ("mame", 1234, "animefull-final")
    assert (recipe.pictures.resolution, recipe.pictures.min_bucket, recipe.pictures.max_bucket) == (768, 256, 2048)
    assert (recipe.captions.shuffle, recipe.captions.keep_tokens, recipe.captions.max_token_length) == (True, 1, 150)
    assert (recipe.adapter.dim, recipe.adapter.alpha, recipe.adapter.parts) == (32, 16, "unet_and_text_encoder")
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.training.clip_skip) == (12, 3, 2)
    assert recipe.schedule.model_dump() == {"kind": "cosine_with_restarts", "warmup_percent": 10.0, "cycles": 3}
    assert recipe.optimizer.text_encoder_learning_rate == 5e-5
    assert (recipe.optimizer.weight_decay, recipe.optimizer.beta2) == (0.1, 0.99)
    assert recipe.previews.prompts == ("mame, 1girl", "mame, outdoors")
    assert (recipe.previews.negative_prompt, recipe.previews.width, recipe.previews.height) == (
        "lowres, bad hands",
        512,
        768,
    )
    assert (recipe.previews.cfg, recipe.previews.steps, recipe.previews.seed) == (6.5, 24, 42)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "some.toml",
            'network_args = ["train_t5xxl=True"]\nrandom_crop = true\nunet_lr = 1e-4\nnetwork_dim = 8\n',
        ),
        (
            "gui.json",
            '{"LoRA_type": "Flux1", "train_t5xxl": true, "random_crop": true, "pretrained_model_name_or_path": "flux"}',
        ),
    ],
)
def test_t5_and_random_crops_come_from_kohyas_files(name: str, text: str) -> None:
    recipe = of_text(text, name).recipe
    assert (recipe.training.train_t5, recipe.pictures.random_crop) == (True, True)


def test_random_crops_come_from_ai_toolkits_dataset() -> None:
    text = (HERE / "ai_toolkit.yaml").read_text(encoding="utf-8")
    changed = text.replace("caption_ext:", "random_crop: true\n          caption_ext:", 1)
    assert changed != text
    assert of_text(changed, "job.yaml").recipe.pictures.random_crop


def test_of_the_two_kinds_of_noise_in_kohya_ss_the_chosen_one_counts() -> None:
    """noise_offset stands in the file and is not used there."""
    noise = read("kohya_gui.json").recipe.noise
    assert (noise.offset, noise.multires_iterations, noise.multires_discount) == (0.0, 6, 0.3)


def test_what_has_no_counterpart_and_what_enogu_does_itself_is_said() -> None:
    imported = read("kohya_gui.json")
    assert remark_on(imported, "stop_text_encoder_training").outcome == "no_counterpart"
    assert remark_on(imported, "cache_latents").outcome == "own"
    assert remark_on(imported, "pretrained_model_name_or_path").became == "animefull-final"
    assert remark_on(imported, "sample_at_first").outcome == "own", "from additional_parameters"
    assert not [one for one in imported.remarks if one.name == "color_aug"], "what is off needs no word"


def test_settings_dataset_and_prompts_of_sd_scripts_are_read_as_one_run() -> None:
    files = [SettingsFile(name, (HERE / name).read_text()) for name in ("sd_scripts.toml", "dataset.toml")]
    imported = import_recipe(
        [*files, SettingsFile("prompts.txt", "# mine\nlines, a tree --d 5\nlines, a tree --d 6\n")]
    )
    recipe = imported.recipe
    assert (recipe.pictures.repeats, recipe.captions.keep_tokens, recipe.trigger) == (6, 2, "lines style")
    assert recipe.training.batch_size == 4, "the dataset's goes before train_batch_size"
    assert recipe.pictures.resolution == 640, "the square with as many pixels as 512x768, in steps of 64"
    differing = [one.words for one in imported.remarks if one.name == "num_repeats" and one.outcome == "converted"]
    assert differing == ["The subsets differ (3); the first one's 6 is taken for all."]
    assert remark_on(imported, "is_reg").outcome == "own"
    assert (recipe.previews.prompts, recipe.previews.count, recipe.previews.seed) == (("lines, a tree",), 2, 5)
    assert recipe.optimizer.text_encoder_learning_rate == 1e-4
    assert recipe.optimizer.epsilon == 1e-7


def test_warm_up_steps_become_percent_and_constant_becomes_the_kind_that_has_them() -> None:
    """100 of 2000 steps; sd-scripts itself refuses a constant schedule with warm-up."""
    schedule = read("sd_scripts.toml").recipe.schedule
    assert schedule.model_dump() == {"kind": "constant_with_warmup", "warmup_percent": 5.0}
    share = of_text('network_dim=4\nlr_scheduler="cosine"\nlr_warmup_steps=0.07\nmax_train_epochs=3').recipe.schedule
    assert share.model_dump() == {"kind": "cosine", "warmup_percent": 7.0}


def test_steps_become_epochs_when_the_number_of_pictures_is_known() -> None:
    asked = read("sd_scripts.toml")
    assert remark_on(asked, "max_train_steps").outcome == "refused"
    assert asked.recipe.training.epochs == 10
    known = import_recipe(
        [SettingsFile(name, (HERE / name).read_text()) for name in ("sd_scripts.toml", "dataset.toml")], num_pictures=50
    )
    assert known.recipe.training.epochs == round(2000 * 4 / (50 * 6))


def test_what_a_toml_leaves_out_has_sd_scripts_own_default_and_not_ours() -> None:
    recipe = of_text("network_dim = 16\nmax_train_epochs = 3\nlearning_rate = 1e-4").recipe
    assert (recipe.adapter.alpha, recipe.training.batch_size, recipe.captions.keep_tokens) == (1.0, 1, 0)
    assert (recipe.schedule.kind, recipe.training.mixed_precision, recipe.saving.precision) == (
        "constant",
        "none",
        "fp32",
    )
    assert recipe.pictures.buckets is False
    assert recipe.training.clip_skip == 1


def test_a_job_of_ai_toolkit_becomes_the_recipe_that_it_means() -> None:
    imported = read("ai_toolkit.yaml", num_pictures=20)
    recipe = imported.recipe
    assert imported.source == "ai-toolkit"
    assert (recipe.output_name, recipe.trigger, recipe.base_model) == (
        "mame_v1",
        "mame",
        "runwayml/stable-diffusion-v1-5",
    )
    assert (recipe.adapter.dim, recipe.adapter.alpha, recipe.adapter.parts) == (16, 8, "unet")
    assert (recipe.pictures.resolution, recipe.pictures.repeats) == (768, 2)
    assert (recipe.optimizer.learning_rate, recipe.optimizer.weight_decay) == (1e-4, 1e-3)
    assert recipe.schedule.kind == "cosine", "ai-toolkit's restarts come after all steps"
    assert recipe.training.epochs == round(1200 * 2 / (20 * 2))
    assert recipe.training.mixed_precision == "bf16"
    assert recipe.previews.prompts == ("mame in the rain", "mame, smile")
    assert (recipe.previews.cfg, recipe.previews.steps, recipe.previews.height) == (6, 25, 640)
    assert remark_on(imported, "ai-toolkit train.diff_output_preservation").outcome == "no_counterpart"
    assert remark_on(imported, "datasets.resolution").outcome == "converted"


def test_our_own_recipe_file_comes_back_as_it_is() -> None:
    recipe = parse_recipe('output_name = "a"\n[adapter]\ndim = 8\n')
    imported = of_text(recipe_to_toml(recipe))
    assert (imported.recipe, imported.source, imported.remarks) == (recipe, "enogu", ())


def test_a_value_that_a_recipe_refuses_is_left_out_with_the_reason() -> None:
    """Kohya allows an alpha over dim; F14 does not."""
    imported = of_text("network_dim = 8\nnetwork_alpha = 16\nlearning_rate = 7\nmax_train_epochs = 2")
    assert remark_on(imported, "network_alpha").outcome == "refused"
    assert "is over adapter.dim" in remark_on(imported, "network_alpha").words
    assert remark_on(imported, "learning_rate").outcome == "refused"
    assert (imported.recipe.adapter.dim, imported.recipe.adapter.alpha) == (8, 8)
    assert imported.recipe.optimizer.learning_rate == TrainRecipe().optimizer.learning_rate


def test_a_rate_of_zero_is_a_part_that_is_not_trained() -> None:
    text = json.dumps({"LoRA_type": "Standard", "epoch": 2, "unet_lr": 1e-4, "text_encoder_lr": 0, "keep_tokens": "0"})
    assert of_text(text, "gui.json").recipe.adapter.parts == "unet"
    both = json.dumps({"LoRA_type": "Standard", "epoch": 2, "unet_lr": 0, "text_encoder_lr": 0, "learning_rate": 1e-4})
    assert of_text(both, "gui.json").recipe.adapter.parts == "unet_and_text_encoder"


def test_an_unknown_kind_of_adapter_optimizer_or_schedule_is_named() -> None:
    imported = of_text(
        'network_module="networks.oft"\noptimizer_type="Sophia"\nlr_scheduler="piecewise_constant"\nmax_train_epochs=1'
    )
    for name in ("network_module", "optimizer_type", "lr_scheduler"):
        assert remark_on(imported, name).outcome == "no_counterpart"
    assert imported.recipe.adapter.kind == "lora"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "this is no toml"),
        ("a.json", '{"a": [1, 2'),
        ("a.yaml", "a: &x [1]\nb: *x\n"),
        ("a.yaml", "- only\n- a list\n"),
        ("a.json", '{"prompt": "a recipe for soup"}'),
        ("a.json", "[" * 100_000),
        ("a.toml", "x = " + "[" * 3000),
        ("a.yaml", "!!python/object/apply:os.system ['true']"),
        ("a.json", "x" * (MAX_CHARACTERS + 1)),
        ("a.txt", ""),
        ("a", ""),
    ],
)
def test_what_is_no_settings_file_is_refused_in_words(name: str, text: str) -> None:
    if name == "a.txt":
        return
    with pytest.raises(WrongUse) as refused:
        of_text(text, name)
    assert refused.value.cure


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.dictionaries(
        st.sampled_from(sorted(json.loads((HERE / "kohya_gui.json").read_text()))),
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.text(max_size=8)
        | st.lists(st.integers(), max_size=2),
        max_size=12,
    ),
)
def test_strange_values_are_told_and_never_a_crash(strange: object, known: dict[str, object]) -> None:
    for content in (strange, {"LoRA_type": "Standard", **known}, {"config": {"process": [{"train": known}]}}):
        try:
            imported = of_text(json.dumps(content), "a.json")
        except (WrongUse, RecipeRefused) as error:
            assert isinstance(error, EnoguError)
        else:
            assert isinstance(imported.recipe, TrainRecipe)


@pytest.mark.parametrize(
    ("module", "args", "wanted"),
    [
        ("networks.lora", [], {"kind": "lora", "dim": 8}),
        ("networks.lora", ["conv_dim=4"], {"kind": "locon", "conv_dim": 4, "conv_alpha": 1.0}),
        ("lycoris.kohya", ["algo=loha"], {"kind": "loha", "conv_dim": 8, "conv_alpha": 2.0}),
        ("lycoris.kohya", ["algo=loha", "preset=attn-mlp"], {"kind": "loha", "conv_dim": 0}),
        ("lycoris.kohya", ["algo=lokr", "factor=8", "preset=attn-mlp"], {"kind": "lokr", "factor": 8}),
        ("lycoris.kohya", ["algo=locon", "dora_wd=True", "conv_dim=2"], {"kind": "dora", "conv_dim": 2}),
        ("lycoris.kohya", ["preset=attn-mlp", "rs_lora=True"], {"kind": "lora", "rank_stabilised": True}),
        ("networks.lora", ["module_dropout=0.1"], {"kind": "lora", "module_dropout": 0.1}),
        ("networks.lora", ["block_dims=" + ",".join(["4"] * 25)], {"block_dims": ",".join(["4"] * 25)}),
    ],
)
def test_module_and_algorithm_are_the_kind_of_adapter(module: str, args: list[str], wanted: dict[str, object]) -> None:
    text = f'network_module="{module}"\nnetwork_dim=8\nnetwork_alpha=2\nmax_train_epochs=1\nnetwork_args={args}'
    adapter = of_text(text).recipe.adapter.model_dump()
    assert {name: adapter[name] for name in wanted} == wanted
