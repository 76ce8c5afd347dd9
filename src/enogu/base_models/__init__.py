"""Base models: which ones there are, which one a person means, and what is known about each (C1 to C5).

The starter, what lies in ``ENOGU_HOME/base_models``, and what somebody registered: diffusers folders and single
``.safetensors`` files. What is offered here works without a database, for the command line; ``service`` knows owners.
"""

from enogu.base_models.entities import BaseModelFolder, BaseModelList
from enogu.base_models.rules.finding import STARTER, find_base_model, list_base_models

__all__ = ["STARTER", "BaseModelFolder", "BaseModelList", "find_base_model", "list_base_models"]
