"""TOML of sd-scripts: ``--config_file`` (settings, in any tables) and ``--dataset_config`` (datasets and subsets)."""

from __future__ import annotations

from typing import Any, cast

from enogu.recipe.foreign.remarks import Remark, shown

Values = dict[str, Any]
_RENAMED = {"batch_size": "train_batch_size"}


def arguments_of(values: Values) -> Values:
    """Tables are taken apart: sd-scripts does not look at their names."""
    found: Values = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= cast("Values", value)
        else:
            found[name] = value
    return found


def is_dataset_config(values: Values) -> bool:
    """Whether this names datasets, and not how to train."""
    return isinstance(values.get("datasets"), list)


def dataset_arguments(values: Values, remarks: list[Remark]) -> Values:
    """What the first subset is trained with: its own values before the dataset's, before those of [general]."""
    common: Values = _table(values.get("general"))
    subsets: list[Values] = []
    for dataset in _tables(values.get("datasets")):
        inner = _tables(dataset.pop("subsets", []))
        subsets += [common | dataset | subset for subset in inner or [{}]]
    trained = [subset for subset in subsets if subset.get("is_reg") is not True]
    if len(trained) < len(subsets):
        number = len(subsets) - len(trained)
        words = "Regularisation pictures are a dataset of their own in Enogu."
        remarks.append(Remark("is_reg", f"{number} subsets", "own", words=words))
    first = dict(trained[0]) if trained else dict(common)
    for name, value in first.items():
        others = [subset[name] for subset in trained[1:] if name in subset and subset[name] != value]
        if others and name not in ("image_dir", "metadata_file", "class_tokens", "cache_info"):
            words = f"The subsets differ ({shown(others)}); the first one's {shown(value)} is taken for all."
            remarks.append(Remark(name, shown(value), "converted", words=words))
    first.pop("is_reg", None)
    return {_RENAMED.get(name, name): value for name, value in first.items()}


def _table(value: Any) -> Values:
    return dict(cast("Values", value)) if isinstance(value, dict) else {}


def _tables(value: Any) -> list[Values]:
    return [_table(one) for one in cast("list[Any]", value)] if isinstance(value, list) else []
