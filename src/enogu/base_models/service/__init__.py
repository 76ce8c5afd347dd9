"""Base models: which ones somebody has, which one is meant, registering, and bringing one to where it is used.

The starter and what lies in ENOGU_HOME/base_models are everybody's in this studio and have no rows; what was registered
is its owner's alone. Every function takes the ``session`` first and never commits. Nothing here reads weights: a hash
of gigabytes is a worker's task (``base_models.tasks``).
"""

from __future__ import annotations

from enogu.base_models.service.choosing import MOST_LISTED, get_base_model, list_base_models
from enogu.base_models.service.placing import place

__all__ = ["MOST_LISTED", "get_base_model", "list_base_models", "place"]
