"""Base models: which ones there are, and which one a person means.

For now a base model is a diffusers folder on this machine (C3, C7 of the product page): the starter, a folder under
``ENOGU_HOME/base_models``, or any path. Registering, single files and other families come with later issues and add
files here, not elsewhere.
"""

from enogu.base_models.entities import BaseModelFolder, BaseModelList
from enogu.base_models.rules.finding import STARTER, find_base_model, list_base_models

__all__ = ["STARTER", "BaseModelFolder", "BaseModelList", "find_base_model", "list_base_models"]
