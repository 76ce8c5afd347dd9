"""Train the starter's tagger and export it in the WD14 format (``model.onnx``, ``selected_tags.csv``, ``tagger.json``).

A small residual network of plain convolutions: they are what two CPU cores train fastest, their batch norms fold away
on export, and the ONNX graph is short enough to be written by hand, without an exporter. It learns 85 % corpus people
and 15 % people with the mascot's parts (``mascot.draw_mixture``, never the mascot herself). The threshold is the
one with the best macro-F1 on a validation range that is neither trained on nor part of the held-out numbers.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from budget import Budget, load_checkpoint, save_checkpoint
from corpus import SIZE, draw, render
from mascot import draw_mixture
from muon import MuonAndAdamW
from rendered import _mapped, people, tags_of_range

VALIDATION_START = 900_000_000
RATINGS = ("general", "sensitive", "questionable", "explicit")
LEAST_COUNT = 25
"""A tag seen less often than this in the training pictures is not learnt."""
MIXTURE_SHARE = 0.15
EMA_DECAY = 0.998
OUT = Path(__file__).parents[1] / "src" / "enogu" / "starter_data" / "tagger"


class Block(nn.Module):
    """conv, conv, squeeze-and-excite (Hu et al. 2018), added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.squeeze = nn.Conv2d(channels, channels // 4, 1)
        self.excite = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm1(self.conv1(x_BCHW)))
        y = self.norm2(self.conv2(y))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(y.mean(dim=(2, 3), keepdim=True)))))
        return functional.relu(x_BCHW + y * gate)


class Down(nn.Module):
    """A convolution of stride 2."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.norm(self.conv(x_BCHW)))


class TaggerNetwork(nn.Module):
    """RGB in -1..1, [B, 3, 128, 128], to logits [B, tags]."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Down(3, 16),  # 64 x 64
            Down(16, 40),  # 32 x 32
            Block(40),
            Down(40, 80),  # 16 x 16
            Block(80),
            Block(80),
            Down(80, 160),  # 8 x 8
            Block(160),
            Block(160),
        )
        self.head = nn.Linear(320, num_tags)

    def forward(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        features = self.body(pixels_BCHW)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return self.head(functional.dropout(pooled, 0.1, self.training))


class ProcessorBudget(Budget):
    """Counts the processor's time rather than the clock's: other trainings may share the cores, and a learning rate
    that fell while this one was waiting would be wasted."""

    def __init__(self, minutes: float, spent_seconds: float = 0.0) -> None:
        super().__init__(minutes, spent_seconds)
        self._processor_start = time.process_time()

    @property
    def spent_seconds(self) -> float:
        return self._before + time.process_time() - self._processor_start


# ------------------------------------------------------------------------------------------------------- pictures


def mixtures(work: Path, start: int, count: int, processes: int = 1) -> np.ndarray:
    """uint8 [count, 128, 128, 3] RGB of ``mascot.draw_mixture``."""
    return _mapped(work / f"mixtures-{start}-{count}.npy", _mixture, start, count, processes)


def _mixture(index: int) -> np.ndarray:
    return render(draw_mixture(index))


def targets_of(tags: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> np.ndarray:
    """float32 [pictures, 4 + tags]; the four ratings first, "general" always 1."""
    column = {tag: 4 + i for i, tag in enumerate(vocabulary)}
    out = np.zeros((len(tags), 4 + len(vocabulary)), np.float32)
    out[:, 0] = 1
    for row, names in enumerate(tags):
        for name in names:
            if name in column:
                out[row, column[name]] = 1
    return out


def augmented(pixels: np.ndarray, size: int, generator: torch.Generator) -> torch.Tensor:
    """uint8 [B, H, W, 3] RGB to float [B, 3, size, size] in -1..1: small affine, brightness, blur, noise.
    Hues stay, since colours are tags."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    n = len(x)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    angle, zoom = uniform(-0.12, 0.12), uniform(0.9, 1.12)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    theta = torch.stack(
        [cos * mirror, -sin, uniform(-0.08, 0.08), sin * mirror, cos, uniform(-0.08, 0.08)], dim=1
    ).view(n, 2, 3)
    grid = functional.affine_grid(theta, [n, 3, size, size], align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    x = x * uniform(0.93, 1.05, 1, 1, 1) + uniform(-0.06, 0.06, 1, 1, 1)
    blurred = functional.interpolate(functional.avg_pool2d(x, 2), scale_factor=2, mode="bilinear", align_corners=False)
    amount = uniform(-1.0, 0.9, 1, 1, 1).clamp(min=0)
    x = torch.lerp(x, blurred, amount)
    noise = torch.randn(x.shape, generator=generator) * uniform(-0.04, 0.06, 1, 1, 1).clamp(min=0)
    return (x + noise).clamp(-1, 1)


def side_at(progress: float) -> int:
    """Pictures are small at first (a pass costs with their area) and full-size for the last two thirds: the same time
    sees half as many again, and a network that pools over the whole picture takes any side."""
    return 72 if progress < 0.15 else 96 if progress < 0.35 else SIZE


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


# --------------------------------------------------------------------------------------------------- measurement


def probabilities(network: nn.Module, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
    network.eval()
    with torch.no_grad():
        parts = [torch.sigmoid(network(to_tensor(pixels[i : i + batch]))) for i in range(0, len(pixels), batch)]
    return torch.cat(parts).numpy()


def f1_per_tag(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """F1 of each column; both are boolean [pictures, tags]. A tag neither wanted nor found counts 0."""
    hits = (found & wanted).sum(axis=0)
    return 2 * hits / np.maximum(1, found.sum(axis=0) + wanted.sum(axis=0))


def best_threshold(probability: np.ndarray, wanted: np.ndarray, least_positives: int = 20) -> tuple[float, float]:
    """The threshold with the best macro-F1 over tags with enough positives, and that macro-F1."""
    counted = wanted.sum(axis=0) >= least_positives
    scores = {
        float(t): float(f1_per_tag(probability[:, counted] >= t, wanted[:, counted]).mean())
        for t in np.round(np.arange(0.15, 0.86, 0.01), 2)
    }
    threshold = max(scores, key=lambda t: scores[t])
    return threshold, scores[threshold]


# -------------------------------------------------------------------------------------------------------- export


def write_tagger(
    folder: Path, network: TaggerNetwork, vocabulary: Sequence[str], counts: Counter[str], threshold: float
) -> None:
    """The three files of a WD14 tagger folder."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(onnx_graph(network), folder / "model.onnx")
    with (folder / "selected_tags.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["tag_id", "name", "category", "count"])
        total = sum(
            counts[f"{style} style"]
            for style in {tag.removesuffix(" style") for tag in counts if tag.endswith(" style")}
        )
        for i, rating in enumerate(RATINGS):
            rows.writerow([9_999_999 - i, rating, 9, total if i == 0 else 0])
        for i, tag in enumerate(vocabulary):
            rows.writerow([i + 1, tag.replace(" ", "_"), 0, counts[tag]])
    described = {"recommended_threshold": round(threshold, 2), "input_size": SIZE, "format": "wd14"}
    (folder / "tagger.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")


def onnx_graph(network: TaggerNetwork) -> onnx.ModelProto:
    """The network as WD14 has it: ``input`` float32 [N, 128, 128, 3] BGR 0..255, ``output`` probabilities [N, tags].

    Batch norms are folded into their convolutions, and BGR into the first convolution's input order."""
    network.eval()
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(kind: str, name: str, *inputs: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def convolution(name: str, x: str, conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None, flip: bool = False) -> str:
        weight, bias = _folded(conv, norm)
        if flip:
            weight = weight[:, ::-1]
        pad, stride = conv.padding[0], conv.stride[0]
        inputs = (x, constant(f"{name}.weight", weight), constant(f"{name}.bias", bias))
        return add("Conv", name, *inputs, kernel_shape=conv.kernel_size, pads=[pad] * 4, strides=[stride] * 2)

    x = add("Transpose", "planes", "input", perm=[0, 3, 1, 2])
    x = add("Mul", "scaled", x, constant("scale", np.float32(1 / 127.5)))
    x = add("Sub", "centred", x, constant("one", np.float32(1)))
    for i, part in enumerate(network.body):
        name = f"body{i}"
        if isinstance(part, Down):
            x = add("Relu", f"{name}.relu", convolution(f"{name}.conv", x, part.conv, part.norm, flip=i == 0))
            continue
        y = add("Relu", f"{name}.relu1", convolution(f"{name}.conv1", x, part.conv1, part.norm1))
        y = convolution(f"{name}.conv2", y, part.conv2, part.norm2)
        gate = add(
            "Relu",
            f"{name}.relu2",
            convolution(f"{name}.squeeze", add("GlobalAveragePool", f"{name}.mean", y), part.squeeze),
        )
        gate = add("Sigmoid", f"{name}.gate", convolution(f"{name}.excite", gate, part.excite))
        x = add("Relu", f"{name}.out", add("Add", f"{name}.sum", x, add("Mul", f"{name}.gated", y, gate)))
    pooled = add("Concat", "pooled", add("GlobalAveragePool", "mean", x), add("GlobalMaxPool", "most", x), axis=1)
    weight, bias = network.head.weight.detach().numpy(), network.head.bias.detach().numpy()
    flat = add("Flatten", "flat", pooled, axis=1)
    logits = add("Gemm", "logits", flat, constant("head.weight", weight), constant("head.bias", bias), transB=1)
    nodes.append(helper.make_node("Sigmoid", [logits], ["output"], name="output"))
    graph = helper.make_graph(
        nodes,
        "enogu-starter-tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", network.head.out_features])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="enogu")
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def unfold_tagger(folder: Path, network: TaggerNetwork, pixels: np.ndarray) -> None:
    """Take the weights of a written tagger back into ``network``, so that it can be trained further.

    The batch norms are unfolded with their statistics over ``pixels`` (uint8 RGB), which change nothing of what the
    network answers.
    """
    graph = onnx.load(folder / "model.onnx").graph
    values = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    values["body0.conv.weight"] = values["body0.conv.weight"].flip(1)
    pairs = [("conv", "norm"), ("conv1", "norm1"), ("conv2", "norm2")]
    norms: list[nn.BatchNorm2d] = []
    statistics: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def observe(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        statistics[norm] = (inputs[0].mean(dim=(0, 2, 3)), inputs[0].var(dim=(0, 2, 3)))

    with torch.no_grad():
        for i, part in enumerate(network.body):
            for conv_name, norm_name in pairs:
                if (conv := getattr(part, conv_name, None)) is None:
                    continue
                norm = getattr(part, norm_name)
                conv.weight.copy_(values[f"body{i}.{conv_name}.weight"])
                norm.bias.copy_(values[f"body{i}.{conv_name}.bias"])
                norm.running_var.fill_(1 - norm.eps)
                norms.append(norm)
            if isinstance(part, Block):
                for name in ("squeeze", "excite"):
                    getattr(part, name).weight.copy_(values[f"body{i}.{name}.weight"])
                    getattr(part, name).bias.copy_(values[f"body{i}.{name}.bias"])
        network.head.weight.copy_(values["head.weight"])
        network.head.bias.copy_(values["head.bias"])
        network.eval()
        hooks = [norm.register_forward_pre_hook(observe) for norm in norms]
        network(to_tensor(pixels))
        for hook in hooks:
            hook.remove()
        for norm in norms:
            mean, variance = statistics[norm]
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.add_(mean)
        network.train()


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[np.ndarray, np.ndarray]:
    weight = conv.weight.detach()
    if norm is None:
        return weight.numpy(), conv.bias.detach().numpy()
    factor = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    bias = norm.bias.detach() - norm.running_mean * factor
    return (weight * factor[:, None, None, None]).numpy(), bias.numpy()


def largest_difference(folder: Path, network: TaggerNetwork, pixels: np.ndarray) -> float:
    """Between onnxruntime on the written file and torch, over uint8 RGB ``pixels``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    bgr = np.ascontiguousarray(pixels[..., ::-1]).astype(np.float32)
    return float(np.abs(session.run(None, {"input": bgr})[0] - probabilities(network, pixels)).max())


# ---------------------------------------------------------------------------------------------------------- main


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and rendered pictures")
    parser.add_argument("--minutes", type=float, default=20, help="of processor time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=40)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=14_000)
    parser.add_argument("--more-pictures", type=int, default=10_000, help="a second range of people, after the first")
    parser.add_argument("--mixtures", type=int, default=6_000)
    parser.add_argument("--validation", type=int, default=3_000)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--start-from", type=Path, help="a tagger folder of an earlier run with the same vocabulary")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    work: Path = arguments.work

    people_tags = tags_of_range(work, "people", draw, 0, arguments.pictures + arguments.more_pictures)
    mixture_tags = tags_of_range(work, "mixtures", draw_mixture, 0, arguments.mixtures)
    counts = Counter(tag for tags in (*people_tags, *mixture_tags) for tag in tags)
    vocabulary = [
        tag for tag, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count >= LEAST_COUNT
    ]
    first = people(work, 0, arguments.pictures, processes=1)
    second = people(work, arguments.pictures, arguments.more_pictures, processes=1)
    mixed = mixtures(work, 0, arguments.mixtures)
    people_targets, mixture_targets = targets_of(people_tags, vocabulary), targets_of(mixture_tags, vocabulary)
    num_people = int(arguments.validation * (1 - MIXTURE_SHARE))
    num_mixtures = arguments.validation - num_people
    held = np.concatenate(
        [
            people(work, VALIDATION_START, num_people, processes=1),
            mixtures(work, VALIDATION_START, num_mixtures),
        ]
    )
    held_tags = [
        *tags_of_range(work, "people", draw, VALIDATION_START, num_people),
        *tags_of_range(work, "mixtures", draw_mixture, VALIDATION_START, num_mixtures),
    ]
    held_targets = targets_of(held_tags, vocabulary)[:, 4:] > 0.5
    print(json.dumps({"tags": len(vocabulary), "left out": sorted(set(counts) - set(vocabulary))}), flush=True)

    network = TaggerNetwork(4 + len(vocabulary)).to(memory_format=torch.channels_last)
    frequency = np.concatenate([people_targets, mixture_targets]).mean(axis=0)
    with torch.no_grad():
        network.head.weight.mul_(0.3)
        network.head.bias.copy_(torch.from_numpy(np.log((frequency + 1e-3) / (1 - frequency + 1e-3))))
    if arguments.start_from:
        unfold_tagger(arguments.start_from, network, held[:256])
        print(json.dumps({"macro_f1 at the start": best_threshold(probabilities(network, held)[:, 4:], held_targets)}))
    rare = torch.from_numpy(np.clip((0.1 / np.maximum(frequency, 1e-4)) ** 0.4, 1, 4).astype(np.float32))
    tables = [p for name, p in network.named_parameters() if p.shape[2:] != (3, 3) or name.startswith("body.0.")]
    optimizer = MuonAndAdamW(network.parameters(), arguments.learning_rate, weight_decay=0.01, tables=tables)
    ema = copy.deepcopy(network)
    step, budget = 0, ProcessorBudget(arguments.minutes)
    checkpoint = work / "tagger.pt"
    if (state := load_checkpoint(checkpoint)) is not None:
        network.load_state_dict(state["network"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, budget = state["step"], ProcessorBudget(arguments.minutes, state["spent_seconds"])

    def save() -> None:
        weights = {"network": network.state_dict(), "ema": ema.state_dict()}
        kept = {"optimizer": optimizer.state_dict(), "step": step, "spent_seconds": budget.spent_seconds}
        save_checkpoint(checkpoint, weights | kept)

    last_save = time.monotonic()
    network.train()
    while budget.progress < 1:
        rng = np.random.default_rng([arguments.seed, 3, step])
        pixels = np.empty((arguments.batch, SIZE, SIZE, 3), np.uint8)
        targets = np.empty((arguments.batch, 4 + len(vocabulary)), np.float32)
        for i in range(arguments.batch):
            if rng.random() < MIXTURE_SHARE:
                k = int(rng.integers(len(mixed)))
                pixels[i], targets[i] = mixed[k], mixture_targets[k]
            else:
                k = int(rng.integers(len(people_targets)))
                pixels[i] = first[k] if k < len(first) else second[k - len(first)]
                targets[i] = people_targets[k]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        side = SIZE if arguments.start_from else side_at(budget.progress)
        x = augmented(pixels, side, generator).contiguous(memory_format=torch.channels_last)
        logits = network(x)
        loss = (
            functional.binary_cross_entropy_with_logits(
                logits, torch.from_numpy(targets), pos_weight=rare, reduction="none"
            )
            .sum(dim=1)
            .mean()
        )
        loss.backward()
        optimizer.step(budget.learning_rate(arguments.learning_rate))
        network.zero_grad(set_to_none=True)
        step += 1
        with torch.no_grad():
            decay = min(EMA_DECAY, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(ema.parameters()), list(network.parameters()), 1 - decay)
            for kept, new in zip(ema.buffers(), network.buffers(), strict=True):
                kept.copy_(kept.lerp(new, 1 - decay) if kept.is_floating_point() else new)
        if step % 50 == 0:
            print(
                json.dumps(
                    {"step": step, "minutes": round(budget.spent_seconds / 60, 2), "loss": round(loss.item(), 3)}
                ),
                flush=True,
            )
        if step % 250 == 0:
            threshold, score = best_threshold(probabilities(ema, held[::4])[:, 4:], held_targets[::4], 15)
            print(json.dumps({"step": step, "threshold": threshold, "macro_f1": round(score, 4)}), flush=True)
        if time.monotonic() - last_save > 120:
            save()
            last_save = time.monotonic()
    save()
    threshold, score = best_threshold(probabilities(ema, held)[:, 4:], held_targets)
    write_tagger(arguments.out, ema, vocabulary, counts, threshold)
    difference = largest_difference(arguments.out, ema, held[:32])
    print(
        json.dumps(
            {
                "step": step,
                "threshold": threshold,
                "validation_macro_f1": round(score, 4),
                "onnx_difference": difference,
            }
        )
    )
    if difference > 1e-4:
        raise SystemExit("The written ONNX file does not agree with torch: it must not be shipped.")


if __name__ == "__main__":
    main()
