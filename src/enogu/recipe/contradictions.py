"""Settings that are fine alone and make no sense together (F29): each is refused with its path and its cure.

One small function per rule; all of them are asked, so that a person sees every problem at once. Why refuse and not
bend: a setting that silently does nothing is the commonest reason for a LoRA that "did not work".
Rules that types can hold are not here: warm-up with a constant schedule is simply a field which that kind lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enogu.errors import Problem, RecipeRefused
from enogu.recipe.adapter import LoraAdapter, block_values
from enogu.recipe.block_rates import num_numbers
from enogu.recipe.optimizer import Adafactor

if TYPE_CHECKING:
    from enogu.recipe.train import TrainRecipe


@dataclass(frozen=True)
class Contradiction(Problem):
    """A problem between fields: ``path`` is the field to change first, ``others`` those it disagrees with."""

    others: tuple[str, ...] = ()


def refuse_contradictions(recipe: TrainRecipe) -> None:
    """Raise RecipeRefused with all contradictions of ``recipe``, if there are any."""
    found = tuple(contradiction for rule in _RULES for contradiction in rule(recipe))
    if found:
        raise RecipeRefused(found)


def _alpha_over_dim(recipe: TrainRecipe) -> Iterator[Contradiction]:
    adapter = recipe.adapter
    if adapter.alpha > adapter.dim:
        yield Contradiction(
            "adapter.alpha",
            f"{adapter.alpha:g} is over adapter.dim, which is {adapter.dim}.",
            f"Set it to {adapter.dim} or less, or raise adapter.dim.",
            ("adapter.dim",),
        )


def _convolutions(recipe: TrainRecipe) -> Iterator[Contradiction]:
    """They are in the U-Net alone; their alpha is bound to their dim."""
    adapter = recipe.adapter
    if isinstance(adapter, LoraAdapter):
        return
    if adapter.conv_alpha > adapter.conv_dim:
        yield Contradiction(
            "adapter.conv_alpha",
            f"{adapter.conv_alpha:g} is over adapter.conv_dim, which is {adapter.conv_dim}.",
            f"Set it to {adapter.conv_dim} or less, or raise adapter.conv_dim.",
            ("adapter.conv_dim",),
        )
    if adapter.conv_dim > 0 and adapter.conv_alpha == 0:
        yield Contradiction(
            "adapter.conv_alpha",
            "at 0 the convolutions would learn nothing.",
            f"Set it to {adapter.conv_dim} or less, or leave it out.",
            ("adapter.conv_dim",),
        )
    if adapter.conv_dim > 0 and adapter.parts == "text_encoder":
        yield Contradiction(
            "adapter.parts",
            "the convolutions that adapter.conv_dim is for are in the U-Net.",
            "Train the U-Net too, or set adapter.conv_dim = 0.",
            ("adapter.conv_dim",),
        )


def _sizes_of_blocks(recipe: TrainRecipe) -> Iterator[Contradiction]:
    """Blocks are the U-Net's, and each has a dim before it has an alpha."""
    adapter = recipe.adapter
    dims, alphas = block_values(adapter.block_dims), block_values(adapter.block_alphas)
    if dims and adapter.parts == "text_encoder":
        yield Contradiction(
            "adapter.block_dims",
            "blocks are the U-Net's, and only the text encoder is trained.",
            "Leave it out, or train the U-Net too.",
            ("adapter.parts",),
        )
    if dims and not any(dims):
        yield Contradiction(
            "adapter.block_dims", "every block is left alone.", "Give at least one block a dim over 0.", ()
        )
    if alphas and len(alphas) != len(dims):
        yield Contradiction(
            "adapter.block_alphas",
            f"there are {len(alphas)} alphas for {len(dims)} dims of blocks.",
            "Give as many alphas as dims, or leave adapter.block_alphas out.",
            ("adapter.block_dims",),
        )
    elif alphas and any(alpha > dim for alpha, dim in zip(alphas, dims, strict=True)):
        yield Contradiction(
            "adapter.block_alphas",
            "a block's alpha is over its dim.",
            "Lower that alpha, or raise the dim.",
            ("adapter.block_dims",),
        )


def _rate_of_an_untrained_part(recipe: TrainRecipe) -> Iterator[Contradiction]:
    for part, only_other, words in (("text_encoder", "unet", "text encoder"), ("unet", "text_encoder", "U-Net")):
        field = f"{part}_learning_rate"
        if recipe.adapter.parts == only_other and getattr(recipe.optimizer, field) is not None:
            yield Contradiction(
                f"optimizer.{field}",
                f'the {words} is not trained, since adapter.parts is "{only_other}".',
                'Leave the rate out, or set adapter.parts = "unet_and_text_encoder".',
                ("adapter.parts",),
            )


def _t5_without_text_encoder(recipe: TrainRecipe) -> Iterator[Contradiction]:
    """sd-scripts trains it only where text encoders are trained, and their answers are not kept."""
    if recipe.training.train_t5 and recipe.adapter.parts == "unet":
        yield Contradiction(
            "training.train_t5",
            'no text encoder is trained, since adapter.parts is "unet".',
            'Leave it out, or set adapter.parts = "unet_and_text_encoder".',
            ("adapter.parts",),
        )


def _rates_of_blocks(recipe: TrainRecipe) -> Iterator[Contradiction]:
    optimizer = recipe.optimizer
    texts = {
        f"optimizer.{field}": text
        for field in ("down_block_rates", "middle_block_rates", "up_block_rates")
        if (text := getattr(optimizer, field))
    }
    meant = {
        path: "SD1.5" if number in (12, 1) else "SDXL" for path, text in texts.items() if (number := num_numbers(text))
    }
    for path in texts:
        if recipe.adapter.parts == "text_encoder":
            yield Contradiction(
                path,
                'the U-Net is not trained, since adapter.parts is "text_encoder".',
                'Leave it out, or set adapter.parts = "unet_and_text_encoder".',
                ("adapter.parts",),
            )
        elif isinstance(optimizer, Adafactor) and optimizer.relative_step:
            yield Contradiction(
                path,
                "it does nothing while optimizer.relative_step lets Adafactor take its own step size.",
                "Leave it out, or set optimizer.relative_step = false.",
                ("optimizer.relative_step",),
            )
        elif path in meant and meant[path] != next(iter(meant.values())):
            first = next(iter(meant))
            yield Contradiction(
                path,
                f"it has as many numbers as {meant[path]} has blocks, and {first} as many as {meant[first]}.",
                "Give each as many as the base model's family has.",
                (first,),
            )


def _step_size_of_its_own(recipe: TrainRecipe) -> Iterator[Contradiction]:
    """Adafactor's own step size takes the place of the rates and of the schedule (sd-scripts drops both silently)."""
    optimizer = recipe.optimizer
    if not isinstance(optimizer, Adafactor):
        return
    if optimizer.warmup_init and not optimizer.relative_step:
        yield Contradiction(
            "optimizer.warmup_init",
            "it does nothing while optimizer.relative_step is off.",
            "Leave it out, or set optimizer.relative_step = true.",
            ("optimizer.relative_step",),
        )
    if not optimizer.relative_step:
        return
    for part in ("unet", "text_encoder"):
        field = f"{part}_learning_rate"
        if getattr(optimizer, field) is not None:
            yield Contradiction(
                f"optimizer.{field}",
                "it does nothing while optimizer.relative_step lets Adafactor take its own step size.",
                "Leave it out, or set optimizer.relative_step = false.",
                ("optimizer.relative_step",),
            )
    if recipe.schedule.kind != "constant":
        yield Contradiction(
            "schedule.kind",
            "it does nothing while optimizer.relative_step lets Adafactor take its own step size.",
            'Set schedule.kind = "constant", or optimizer.relative_step = false.',
            ("optimizer.relative_step", "optimizer.warmup_init"),
        )


def _kept_tokens_without_change(recipe: TrainRecipe) -> Iterator[Contradiction]:
    captions = recipe.captions
    if captions.keep_tokens > 1 and not captions.shuffle and captions.tag_dropout_rate == 0:
        yield Contradiction(
            "captions.keep_tokens",
            "it does nothing while tags are neither shuffled nor dropped.",
            "Leave it out, or set captions.shuffle = true.",
            ("captions.shuffle", "captions.tag_dropout_rate"),
        )


def _no_captions_at_all(recipe: TrainRecipe) -> Iterator[Contradiction]:
    captions = recipe.captions
    if captions.dropout_rate < 1 and captions.dropout_every_n_epochs != 1:
        return
    field = "captions.dropout_rate" if captions.dropout_rate == 1 else "captions.dropout_every_n_epochs"
    cure = "Lower captions.dropout_rate (0.05 to 0.1 is usual)" if captions.dropout_rate == 1 else f"Raise {field}"
    useless = {
        "trigger": recipe.trigger != "",
        "captions.shuffle": captions.shuffle,
        "captions.tag_dropout_rate": captions.tag_dropout_rate > 0,
    }
    for path, is_used in useless.items():
        if is_used:
            yield Contradiction(
                path,
                f"it does nothing while {field} = 1 leaves every picture without a caption.",
                f"{cure}, or leave this out.",
                (field,),
            )


def _bucket_sides(recipe: TrainRecipe) -> Iterator[Contradiction]:
    pictures = recipe.pictures
    if not pictures.buckets:
        return
    resolution, step = pictures.resolution, pictures.bucket_step
    if step > resolution:
        yield Contradiction(
            "pictures.bucket_step",
            f"a step of {step} leaves no bucket at a resolution of {resolution}.",
            f"Set it to {resolution} or less; 64 and 32 are usual.",
            ("pictures.resolution",),
        )
        return
    if resolution % step:
        below = resolution // step * step
        yield Contradiction(
            "pictures.resolution",
            f"{resolution} is no multiple of pictures.bucket_step, which is {step}, so square pictures would shrink.",
            f"Use {below} or {below + step}, or another bucket_step.",
            ("pictures.bucket_step",),
        )
    if pictures.no_upscale:
        return  # each picture then makes its own bucket and the limits do not count, as in sd-scripts
    if pictures.min_bucket > pictures.max_bucket:
        yield Contradiction(
            "pictures.min_bucket",
            f"{pictures.min_bucket} is over pictures.max_bucket, which is {pictures.max_bucket}.",
            "Exchange the two, or leave both out.",
            ("pictures.max_bucket", "pictures.resolution"),
        )
        return
    if pictures.min_bucket > resolution:
        yield Contradiction(
            "pictures.min_bucket",
            f"{pictures.min_bucket} is over pictures.resolution, which is {resolution}.",
            f"Set it to {resolution} or less (half of the resolution is usual), or leave it out.",
            ("pictures.resolution",),
        )
    if pictures.max_bucket < resolution:
        yield Contradiction(
            "pictures.max_bucket",
            f"{pictures.max_bucket} is under pictures.resolution, which is {resolution}.",
            f"Set it to {resolution} or more (twice the resolution is usual), or leave it out.",
            ("pictures.resolution",),
        )


def _no_upscale_without_buckets(recipe: TrainRecipe) -> Iterator[Contradiction]:
    if recipe.pictures.no_upscale and not recipe.pictures.buckets:
        yield Contradiction(
            "pictures.no_upscale",
            "without buckets every picture is brought to one size, small ones enlarged.",
            "Set pictures.buckets = true, or leave no_upscale out.",
            ("pictures.buckets",),
        )


def _offset_without_strength(recipe: TrainRecipe) -> Iterator[Contradiction]:
    noise = recipe.noise
    for field, is_used, other, usual in (
        ("random_offset", noise.random_offset, "offset", "0.05 to 0.1"),
        ("adaptive_offset", noise.adaptive_offset != 0, "offset", "0.05 to 0.1"),
        ("random_input_perturbation", noise.random_input_perturbation, "input_perturbation", "0.1"),
    ):
        if is_used and getattr(noise, other) == 0:
            yield Contradiction(
                f"noise.{field}",
                f"it does nothing while noise.{other} is 0.",
                f"Set noise.{other} ({usual} is usual), or leave this out.",
                (f"noise.{other}",),
            )


def _timesteps_in_order(recipe: TrainRecipe) -> Iterator[Contradiction]:
    noise = recipe.noise
    if noise.min_timestep >= noise.max_timestep:
        yield Contradiction(
            "noise.min_timestep",
            f"{noise.min_timestep} is not under noise.max_timestep, which is {noise.max_timestep}.",
            "Lower it, or leave both out.",
            ("noise.max_timestep",),
        )


def _prediction_and_its_options(recipe: TrainRecipe) -> Iterator[Contradiction]:
    """What is certain without the base model; ``engine/noise.py`` asks again when it knows what the base says."""
    noise = recipe.noise
    if noise.scale_v_loss and noise.prediction == "epsilon":
        yield Contradiction(
            "noise.scale_v_loss",
            'it is for v-prediction, and noise.prediction is "epsilon".',
            'Leave it out, or set noise.prediction = "v_prediction".',
            ("noise.prediction",),
        )
    if noise.v_like_loss > 0 and noise.prediction == "v_prediction":
        yield Contradiction(
            "noise.v_like_loss",
            'it makes predicting the noise more like v-prediction, and noise.prediction is "v_prediction" already.',
            "Leave it out.",
            ("noise.prediction",),
        )
    if noise.zero_terminal_snr and noise.prediction == "epsilon":
        yield Contradiction(
            "noise.zero_terminal_snr",
            "in pure noise there is nothing to tell the noise from, so predicting the noise learns nothing there.",
            'Leave it out, or set noise.prediction = "v_prediction".',
            ("noise.prediction",),
        )


def _validating_without_pictures(recipe: TrainRecipe) -> Iterator[Contradiction]:
    training = recipe.training
    if training.validate_every_n_epochs != 1 and training.validation_split == 0:
        yield Contradiction(
            "training.validate_every_n_epochs",
            "it does nothing while training.validation_split is 0.",
            "Set training.validation_split (0.1 is usual), or leave this out.",
            ("training.validation_split",),
        )


def _discount_without_iterations(recipe: TrainRecipe) -> Iterator[Contradiction]:
    default = type(recipe.noise).model_fields["multires_discount"].default
    if recipe.noise.multires_iterations == 0 and recipe.noise.multires_discount != default:
        yield Contradiction(
            "noise.multires_discount",
            "it does nothing while noise.multires_iterations is 0.",
            "Set noise.multires_iterations (6 to 10 is usual), or leave the discount out.",
            ("noise.multires_iterations",),
        )


_RULES: tuple[Callable[[TrainRecipe], Iterator[Contradiction]], ...] = (
    _alpha_over_dim,
    _convolutions,
    _sizes_of_blocks,
    _rate_of_an_untrained_part,
    _t5_without_text_encoder,
    _rates_of_blocks,
    _step_size_of_its_own,
    _kept_tokens_without_change,
    _no_captions_at_all,
    _bucket_sides,
    _no_upscale_without_buckets,
    _offset_without_strength,
    _timesteps_in_order,
    _prediction_and_its_options,
    _validating_without_pictures,
    _discount_without_iterations,
)
