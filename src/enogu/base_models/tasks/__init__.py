"""What a worker does for base models: unpack an uploaded zip, bring one from the hub, read a large one for its hash.

Each may be killed and begin again: what arrives goes into the store of files by its content, and the row changes once,
at the end, behind the fence.
"""

from __future__ import annotations

from enogu.base_models.tasks.downloading import download_base_model
from enogu.base_models.tasks.hashing import hash_base_model
from enogu.base_models.tasks.importing import import_base_model
from enogu.base_models.tasks.working import Outcome, Work, refuse_import

__all__ = ["Outcome", "Work", "download_base_model", "hash_base_model", "import_base_model", "refuse_import"]
