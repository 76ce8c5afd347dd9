"""Base models: which ones somebody has, which one is meant, registering, and bringing one to where it is used.

The starter and what lies in ENOGU_HOME/base_models are everybody's in this studio and have no rows; what was registered
is its owner's alone. Every function takes the ``session`` first and never commits. Nothing here reads weights: a hash
of gigabytes is a worker's task (``base_models.tasks``).
"""

from __future__ import annotations

from enogu.base_models.service.choosing import MOST_LISTED, get_base_model, list_base_models
from enogu.base_models.service.owned import BaseModelData, list_named_files
from enogu.base_models.service.placing import place
from enogu.base_models.service.registering import (
    add_made,
    change_base_model,
    delete_base_model,
    keep_picture,
    order_hash,
    refuse_unfit,
    register_from_hub,
    register_path,
    register_upload,
    set_picture,
)

__all__ = [
    "MOST_LISTED",
    "BaseModelData",
    "add_made",
    "change_base_model",
    "delete_base_model",
    "get_base_model",
    "keep_picture",
    "list_base_models",
    "list_named_files",
    "order_hash",
    "place",
    "refuse_unfit",
    "register_from_hub",
    "register_path",
    "register_upload",
    "set_picture",
]
