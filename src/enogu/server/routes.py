"""All routes of the studio, slice by slice, in the order of the layers: accounts first."""

from __future__ import annotations

from fastapi import APIRouter

from enogu.accounts import api as accounts_api
from enogu.accounts import export_api, openid_api
from enogu.base_models import api as base_models_api
from enogu.captions import api as captions_api
from enogu.datasets import api as datasets_api
from enogu.drawings import api as drawings_api
from enogu.loras import api as loras_api
from enogu.loras import tools_api as lora_tools_api
from enogu.runs import api as runs_api
from enogu.server import admin_api
from enogu.stamina import api as stamina_api
from enogu.uploads import api as uploads_api

ROUTERS: tuple[APIRouter, ...] = (
    accounts_api.router,
    openid_api.router,
    export_api.router,
    stamina_api.router,
    uploads_api.router,
    base_models_api.router,
    datasets_api.router,
    datasets_api.taggers_router,
    captions_api.router,
    captions_api.tags_router,
    captions_api.vocabularies_router,
    runs_api.router,
    loras_api.router,
    lora_tools_api.router,
    drawings_api.router,
    admin_api.router,
)
