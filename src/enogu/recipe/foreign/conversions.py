"""Arguments whose meaning is split, joined or counted otherwise in a recipe: one small function each.

A function takes its arguments and yields what they become; arguments that it leaves are read by the fields' own
``kohya`` names. Nothing else about single options stands here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, cast

from enogu.recipe.fields import kinds_of_section
from enogu.recipe.foreign.arguments import Arguments, as_list, as_number, is_off
from enogu.recipe.foreign.facts import VALUE_NAMES
from enogu.recipe.foreign.prompt_lines import PromptLine, read_prompt_lines
from enogu.recipe.foreign.remarks import Outcome


@dataclass(frozen=True)
class Became:
    """``name`` with ``value`` of the file is ``result`` at ``path``; an empty path says that it went nowhere."""

    name: str
    value: Any
    path: str
    result: Any = None
    outcome: Outcome = "converted"
    words: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What a person may say beside the files."""

    num_pictures: int | None = None


Conversion = Callable[[Arguments, Circumstances], Iterator[Became]]


def network_kind(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """The module with its algorithm is the kind of adapter."""
    module = str(given.peek("network_module") or "networks.lora")
    algorithm = str(given.peek("network_args.algo") or "").lower()
    assumed = given.is_assumed("network_module")
    given.take("network_module")
    given.take("network_args.algo")
    kind = _adapter_kind(given, module, algorithm)
    told = f"{module} {algorithm}".strip()
    known = kinds_of_section("adapter")
    if kind in known or (kind == "lora" and not known):
        if module.startswith("lycoris") and not str(given.take("network_args.preset") or "").startswith("attn"):
            _conv_of_lycoris(given)
        if not is_off(given.peek("network_args.conv_dim")) and "network_args.conv_alpha" not in given:
            given.put("network_args.conv_alpha", 1)  # sd-scripts' default
        yield Became("network_module", told, "adapter.kind", kind, "default" if assumed else "taken")
        return
    words = "Enogu has no adapter of this kind; a LoRA is trained."
    yield Became("network_module", told, "", outcome="no_counterpart", words=words)


def _adapter_kind(given: Arguments, module: str, algorithm: str) -> str:
    has_conv = not is_off(given.peek("network_args.conv_dim"))
    if module.startswith("networks.lora") and module in ("networks.lora", "networks.lora_flux"):
        return "locon" if has_conv else "lora"
    if module in ("networks.loha", "networks.lokr"):
        return module.removeprefix("networks.")
    if module == "lycoris.kohya":
        if algorithm in ("", "lora", "locon"):
            if str(given.take("network_args.dora_wd")).lower() in ("true", "1"):
                return "dora"
            attention_only = str(given.peek("network_args.preset") or "").startswith("attn")
            return "lora" if attention_only and not has_conv else "locon"
        return algorithm
    return module


def _conv_of_lycoris(given: Arguments) -> None:
    """LyCORIS adapts convolutions too, with the common dim unless they have their own."""
    for conv, common in (("network_args.conv_dim", "network_dim"), ("network_args.conv_alpha", "network_alpha")):
        if is_off(given.peek(conv)) and given.peek(common) is not None:
            given.put(conv, given.peek(common))


def parts(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """Two switches, or a rate of 0, are one choice."""
    only = {"unet": "network_train_unet_only", "text_encoder": "network_train_text_encoder_only"}
    for part, name in only.items():
        if given.is_on(name):
            yield Became(name, given.take(name), "adapter.parts", part)
            other = "text_encoder_lr" if part == "unet" else "unet_lr"
            if other in given:
                value = given.take(other)
                if not is_off(value):
                    yield Became(other, value, "", outcome="no_effect", words="That part is not trained.")
            return
    rates = {"unet": given.peek("unet_lr"), "text_encoder": given.peek("text_encoder_lr")}
    for part, rate in rates.items():
        if rate is not None and as_number(rate) == 0 and "other" not in part:
            other = "text_encoder" if part == "unet" else "unet"
            name = "unet_lr" if part == "unet" else "text_encoder_lr"
            given.take(name)
            yield Became(name, rate, "adapter.parts", other, words="At a rate of 0 that part is not trained.")
            return


def text_encoder_rates(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """sd-scripts takes one rate for each text encoder."""
    value = given.peek("text_encoder_lr")
    rates = as_list(value) if isinstance(value, list) or "," in str(value) else []
    if rates:
        given.put("text_encoder_lr", rates[0])
        if any(rate != rates[0] for rate in rates):
            words = "All text encoders share one rate in Enogu; the first is taken."
            yield Became("text_encoder_lr", value, "optimizer.text_encoder_learning_rate", rates[0], words=words)


def resolution(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """``W,H`` is the side of the square with as many pixels."""
    value = given.peek("resolution")
    sides = [as_number(side) for side in as_list(value)] if value is not None else []
    if len(sides) == 2 and sides[0] and sides[1]:
        given.take("resolution")
        width, height = sides[0], sides[1]
        side = int(width) if width == height else round(math.sqrt(width * height) / 64) * 64
        same = width == height
        words = "" if same else "Buckets are made around a square of about as many pixels."
        yield Became("resolution", value, "pictures.resolution", side, "taken" if same else "converted", words)
    elif len(sides) == 1 and sides[0]:
        given.put("resolution", int(sides[0]))


def length(given: Arguments, circumstances: Circumstances) -> Iterator[Became]:
    """Epochs; steps are turned into them when the number of pictures is known."""
    if not is_off(given.peek("max_train_epochs")):
        return  # sd-scripts ignores the steps then, and so does the report of what is left
    steps = as_number(given.peek("max_train_steps") or 0)
    given.take("max_train_epochs")
    if not steps:
        return
    value = given.peek("max_train_steps")
    if not circumstances.num_pictures:
        words = "Enogu counts epochs. Say how many pictures there are, and it is converted; ten epochs are set now."
        yield Became("max_train_steps", value, "training.epochs", 10, "refused", words)
        return
    repeats = as_number(given.peek("num_repeats") or 1) or 1
    batch = as_number(given.peek("train_batch_size") or 1) or 1
    accumulation = as_number(given.peek("gradient_accumulation_steps") or 1) or 1
    epochs = max(1, round(steps * batch * accumulation / (circumstances.num_pictures * repeats)))
    words = f"About as many steps with {circumstances.num_pictures} pictures."
    yield Became("max_train_steps", value, "training.epochs", min(epochs, 10_000), words=words)


def warmup(given: Arguments, circumstances: Circumstances) -> Iterator[Became]:
    """Steps, a share of all steps, or kohya_ss' percent become percent; "constant" with them is the other kind."""
    percent = as_number(given.take("lr_warmup_percent") or 0) or 0.0
    name, value = "lr_warmup", percent
    given_steps = given.take("lr_warmup_steps")
    if not is_off(given_steps):
        name, value = "lr_warmup_steps", given_steps
        steps = as_number(given_steps) or 0.0
        all_steps = as_number(given.peek("max_train_steps") or 0)
        if is_off(given.peek("max_train_epochs")) and steps >= 1 and all_steps:
            percent = steps / all_steps * 100
        elif steps < 1:
            percent = round(steps * 100, 10)
        else:
            words = "Warm-up is a share of all steps in Enogu, and how many those are is not in the file."
            yield Became(name, value, "schedule.warmup_percent", None, "refused", words)
            return
    given.take("max_train_steps")
    if percent <= 0:
        return
    yield Became(name, value, "schedule.warmup_percent", min(percent, 100.0))
    if str(given.peek("lr_scheduler") or "").lower() == "constant":
        given.put("lr_scheduler", "constant_with_warmup")


def base_model(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """A path of another machine is the base model's name."""
    value = given.peek("pretrained_model_name_or_path")
    path = PureWindowsPath(str(value or ""))  # understands both kinds of slashes
    if path.suffix.lower() in (".safetensors", ".ckpt", ".pt"):
        given.take("pretrained_model_name_or_path")
        words = "A path of another machine says nothing here: choose the base model of this name."
        yield Became("pretrained_model_name_or_path", value, "base_model", path.stem, words=words)


def trigger(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """A prefix of one tag in front of every caption is the trigger."""
    name = "trigger_word" if "trigger_word" in given else "caption_prefix"
    value = given.peek(name)
    if is_off(value):
        given.take(name)
        return
    text = str(value).strip().removesuffix(",").strip()
    if text and "," not in text:
        given.take(name)
        yield Became(name, value, "trigger", text, "taken" if text == value else "converted")


def previews(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """Lines with flags are prompts, and flags that all of them share."""
    value = given.peek("sample_prompts")
    if is_off(value):
        given.take("sample_prompts")
        return
    given.take("sample_prompts")
    word = str(given.peek("trigger_word") or "")
    if isinstance(value, list):
        texts = [_prompt_in(one).replace("[trigger]", word) for one in cast("list[Any]", value)]
        lines = [PromptLine(text) for text in texts if text.strip()]
    elif "\n" not in str(value) and str(value).lower().endswith((".txt", ".toml", ".json")):
        words = "The file with the prompts was not given; choose it together with this one."
        yield Became("sample_prompts", value, "previews.prompts", None, "refused", words)
        return
    else:
        lines = read_prompt_lines(str(value))
    prompts, count = _prompts_and_count(lines)
    yield Became("sample_prompts", [line.prompt for line in lines], "previews.prompts", tuple(prompts), "taken")
    if count > 1:
        yield Became("sample_prompts --d", f"{count} seeds each", "previews.count", count)
    for flag in dict.fromkeys(name for line in lines for name in line.flags):
        values = [line.flags[flag] for line in lines if flag in line.flags]
        given.put(f"sample_prompts --{flag}", values[0])
        if len(set(values)) > 1 and not (flag == "d" and count > 1):
            words = "Previews share this setting in Enogu; the first line's is taken."
            yield Became(f"sample_prompts --{flag}", values, "previews", values[0], words=words)


def _prompt_in(one: Any) -> str:
    return str(cast("dict[str, Any]", one).get("prompt", "")) if isinstance(one, dict) else str(one)


def _prompts_and_count(lines: Sequence[PromptLine]) -> tuple[list[str], int]:
    """The same prompt at seeds that count up is one prompt drawn several times."""
    prompts = [line.prompt for line in lines]
    for count in range(len(lines), 1, -1):
        if len(lines) % count:
            continue
        groups = [lines[start : start + count] for start in range(0, len(lines), count)]
        if all(_counts_up(group) for group in groups):
            return [group[0].prompt for group in groups], count
    return prompts, 1


def _counts_up(group: Sequence[PromptLine]) -> bool:
    seeds = [line.flags.get("d", "") for line in group]
    if len({line.prompt for line in group}) > 1 or not all(seed.isdecimal() for seed in seeds):
        return False
    return [int(seed) for seed in seeds] == list(range(int(seeds[0]), int(seeds[0]) + len(group)))


def value_names(given: Arguments, _: Circumstances) -> Iterator[Became]:
    """sd-scripts' words for our choices."""
    for name in {name for name, _ in VALUE_NAMES}:
        value = given.peek(name)
        ours = VALUE_NAMES.get((name, str(value).strip().lower()))
        if ours is not None and not given.is_assumed(name):
            given.put(name, ours)
    return
    yield


CONVERSIONS: tuple[Conversion, ...] = (
    network_kind,
    parts,
    text_encoder_rates,
    resolution,
    length,
    warmup,
    base_model,
    previews,
    trigger,
    value_names,
)
