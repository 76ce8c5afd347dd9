"""One row for every route: who may call it, and with what. ``test_every_route.py`` fails when a route has none.

To add a route: one line in the slice's part below. ``who``:

* ``anybody``: no sign-in. * ``signed_in``: one's own things only, and no ids in the address or body.
* ``owner``: names something of one person's; to everybody else, administrators too, it is not there (404).
* ``admin``: administrators only.

``{words}`` in address, query and body are filled with ids of the world that ``route_world.py`` makes; ``ids`` takes
another one of its names for a word of the address. ``in_person``: not for an API token. ``is_final``: the owner's call
takes something away for good, or signs out; it is made by a person who is there for this alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Who = Literal["anybody", "signed_in", "owner", "admin"]
SERVED = frozenset({200, 201, 202, 204, 206, 303})
NOT_NOW = SERVED | {409}
"""Served, or right and not possible in the state that the world is in."""


@dataclass(frozen=True)
class Row:
    """One route, and one call of it that is right."""

    route: str
    """Method and template, as the app has them."""
    who: Who
    body: Any = None
    ok: frozenset[int] = SERVED
    not_there: frozenset[int] = frozenset({404})
    """How it is said to others that there is no such thing."""
    ids: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    files: Mapping[str, tuple[str, bytes]] | None = None
    in_person: bool = False
    is_final: bool = False


TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
PASSWORD = "面相筆 and 群青"  # noqa: S105
PICTURES = "/api/datasets/{dataset_id}/pictures"
PICTURE = PICTURES + "/{picture_id}"
TASK = "/api/datasets/{dataset_id}/tasks/{job_id}"
RUN = "/api/runs/{run_id}"
LORA = "/api/loras/{lora_id}"
REQUEST = "/api/drawings/requests/{request_id}"
BASE = "/api/base-models/{base_model_id}"
ACCOUNT = "/api/admin/accounts/{account_id}"
PNG = b"\x89PNG\r\n\x1a\n"

STUDIO = (
    Row("GET /health", "anybody"),
    Row("GET /openapi.json", "anybody"),
    Row("HEAD /openapi.json", "anybody"),
    Row("GET /metrics", "admin"),
    Row("GET /api/studio", "anybody"),
)
ACCOUNTS = (
    Row("POST /api/sign-in", "anybody", {"name": "nobody", "password": PASSWORD}, ok=frozenset({401})),
    Row(
        "POST /api/first-admin", "anybody", {"name": "x", "password": PASSWORD, "setup_code": "x"}, ok=frozenset({403})
    ),
    Row("GET /api/sign-in/openid", "anybody", ok=frozenset({403})),  # no provider is set
    Row("GET /api/sign-in/openid/callback", "anybody"),
    Row("POST /api/sign-out", "signed_in", in_person=True, is_final=True),
    Row("GET /api/me", "signed_in"),
    Row("PUT /api/me/password", "signed_in", {"new": PASSWORD}, in_person=True, is_final=True),
    Row("GET /api/me/sessions", "signed_in", in_person=True),
    Row("GET /api/me/tokens", "signed_in", in_person=True),
    Row("POST /api/me/tokens", "signed_in", {"name": "another"}, in_person=True),
    Row("POST /api/me/openid", "signed_in", ok=frozenset({403}), in_person=True),
    Row("GET /api/me/export.zip", "signed_in", in_person=True),
    Row("DELETE /api/me/sessions/{session_id}", "owner", in_person=True),
    Row("DELETE /api/me/tokens/{token_id}", "owner", in_person=True),
    Row("DELETE /api/me", "signed_in", in_person=True, is_final=True),
)
STAMINA = (
    Row("GET /api/stamina", "signed_in"),
    Row("GET /api/stamina/plans", "signed_in"),
    Row("GET /api/stamina/ledger", "signed_in"),
    Row("POST /api/stamina/trials", "signed_in", {"plan": "beginner"}, ok=SERVED | {422}),
    Row(
        "POST /api/stamina/quote",
        "signed_in",
        {"recipe": {}, "pictures": [{"key": "a", "width": 64, "height": 64}], "family": "sd15"},
    ),
    Row("POST /api/stamina/runs/{run_id}/refund", "admin", {"stamina": 1, "reason": "a black picture"}),
)
UPLOADS = (
    Row("OPTIONS /api/uploads", "anybody"),
    Row("POST /api/uploads", "signed_in", headers={**TUS, "Upload-Length": "5", "Upload-Metadata": "filename YQ=="}),
    Row("GET /api/uploads", "signed_in"),
    Row("GET /api/uploads/{upload_id}", "owner"),
    Row("HEAD /api/uploads/{upload_id}", "owner", headers=TUS),
    Row("PATCH /api/uploads/{upload_id}", "owner", headers=BYTES, content=b"abc"),
    Row("DELETE /api/uploads/{upload_id}", "owner", headers=TUS),
)
BASE_MODELS = (
    Row("GET /api/base-models", "signed_in"),
    Row("POST /api/base-models", "owner", {"upload_id": "{checkpoint_upload}"}),
    Row("GET " + BASE, "owner"),
    Row("PATCH " + BASE, "owner", {"notes": "for lines"}),
    Row("POST " + BASE + "/hash", "owner", ok=NOT_NOW),
    Row("PUT " + BASE + "/picture", "owner", content=b"{png}", headers={"Content-Type": "image/png"}),
    Row("GET " + BASE + "/picture", "owner"),
    Row("DELETE " + BASE + "/picture", "owner"),
    Row("DELETE " + BASE, "owner"),
)
DATASETS = (
    Row("POST /api/datasets", "signed_in", {"name": "one's own"}),
    Row("GET /api/datasets", "signed_in"),
    Row("GET /api/datasets/samples", "signed_in"),
    Row("POST /api/datasets/samples", "signed_in", {"name": "mame"}),
    Row("GET /api/datasets/{dataset_id}", "owner"),
    Row("PATCH /api/datasets/{dataset_id}", "owner", {"trigger": "zdm"}),
    Row("POST /api/datasets/{dataset_id}/copy", "owner", {"name": "a copy"}),
    Row("GET /api/datasets/{dataset_id}/cover", "owner"),
    Row("GET /api/datasets/{dataset_id}/zip", "owner"),
    Row("GET /api/datasets/{dataset_id}/findings", "owner"),
    Row("GET " + PICTURES, "owner"),
    Row("POST " + PICTURES, "owner", files={"files": ("one.png", b"{png}")}),
    Row("PUT " + PICTURES + "/order", "owner", {"ids": ["{picture_id}"]}),
    Row("PUT " + PICTURES + "/repeats", "owner", {"repeats": 2}),
    Row("GET " + PICTURE, "owner"),
    Row("GET " + PICTURE + "/file", "owner"),
    Row("GET " + PICTURE + "/thumb", "owner"),
    Row("PUT " + PICTURES + "/role", "owner", {"ids": ["{picture_id}"], "is_regularisation": True}),
    Row("PUT " + PICTURE + "/mask", "owner", files={"files": ("mask.png", b"{png}")}, ok=SERVED | {422}),
    Row("GET " + PICTURE + "/mask", "owner", ok=SERVED | {404}),
    Row("DELETE " + PICTURE + "/mask", "owner"),
    Row("PUT " + PICTURE + "/crop", "owner", {"left": 0, "top": 0, "width": 64, "height": 64}),
    Row("GET " + PICTURE + "/cropped", "owner"),
    Row("DELETE " + PICTURE + "/crop", "owner"),
    Row("POST " + PICTURES + "/remove", "owner", {"ids": ["{picture_id}"]}),
    Row("POST " + PICTURES + "/restore", "owner", {"ids": ["{picture_id}"]}),
    Row("DELETE " + PICTURE, "owner"),
    Row("POST /api/datasets/{dataset_id}/imports", "owner", {"upload_ids": ["{finished_upload}"]}),
    Row("GET /api/datasets/{dataset_id}/tasks", "owner"),
    Row("GET " + TASK, "owner"),
    Row("GET " + TASK + "/events", "owner"),
    Row("POST " + TASK + "/cancel", "owner", ok=NOT_NOW),
    Row("POST /api/datasets/{dataset_id}/crop-and-tag", "owner", {"parts": "tag"}, ok=NOT_NOW),
    Row("DELETE /api/datasets/{dataset_id}", "owner", ids={"dataset_id": "spare_dataset"}),
    Row("POST /api/datasets/{dataset_id}/restore", "owner", ids={"dataset_id": "spare_dataset"}),
    Row("GET /api/taggers", "signed_in"),
    Row("POST /api/taggers", "owner", {"name": "another", "upload_ids": ["{tagger_upload}"]}),
    Row("DELETE /api/taggers/{tagger_id}", "owner"),
)
CAPTIONS = "/api/datasets/{dataset_id}/captions"
CAPTION_ROWS = (
    Row("GET " + CAPTIONS, "owner"),
    Row("GET " + CAPTIONS + "/matching", "owner"),
    Row("GET " + CAPTIONS + "/union", "owner"),
    Row("POST " + CAPTIONS + "/edits", "owner", {"command": {"kind": "add", "tags": ["smile"]}}),
    Row("GET " + CAPTIONS + "/edits", "owner"),
    Row("POST " + CAPTIONS + "/undo", "owner", ok=NOT_NOW),
    Row("POST " + CAPTIONS + "/redo", "owner", ok=NOT_NOW),
    Row("GET " + CAPTIONS + "/advice", "owner"),
    Row("GET " + CAPTIONS + "/tokens", "owner"),
    Row("POST " + CAPTIONS + "/fed", "owner", {}),
    Row("GET /api/tags/complete", "owner", query="?typed=sm&dataset_id={dataset_id}"),
    Row("POST /api/tags/tokens", "signed_in", {"text": "mame, smile"}),
    Row("GET /api/vocabularies", "signed_in"),
    Row("POST /api/vocabularies", "signed_in", files={"file": ("danbooru.csv", b"smile,0,100,\nwink,0,50,\n")}),
    Row("DELETE /api/vocabularies/{vocabulary_id}", "owner"),
)
RECIPE = {"base_model": "starter", "pictures": {"resolution": 128}, "training": {"epochs": 1}, "adapter": {"dim": 4}}
RUNS = (
    Row("GET /api/recipe/schema", "signed_in"),
    Row("POST /api/recipe/check", "signed_in", {"recipe": {}}),
    Row("POST /api/recipe/import", "signed_in", {"files": [{"name": "a.toml", "text": "max_train_epochs = 3"}]}),
    Row("POST /api/recipe/export", "signed_in", {"recipe": {}}),
    Row("POST /api/recipe/diff", "owner", {"before": "{run_id}", "after": {}}),
    Row("GET /api/presets", "signed_in"),
    Row("POST /api/presets", "signed_in", {"name": "a soft one", "recipe": RECIPE}),
    Row("GET /api/presets/{preset_id}", "owner"),
    Row("PUT /api/presets/{preset_id}", "owner", {"name": "softer", "recipe": RECIPE}),
    Row("DELETE /api/presets/{preset_id}", "owner"),
    Row("POST /api/runs/plan", "owner", {"dataset_id": "{dataset_id}", "recipe": RECIPE}),
    Row("POST /api/runs", "owner", {"dataset_id": "{dataset_id}", "recipe": RECIPE}),
    Row("GET /api/runs", "signed_in"),
    Row("GET " + RUN, "owner"),
    Row("PATCH " + RUN, "owner", {"name": "another name"}),
    Row("GET " + RUN + "/recipe", "owner"),
    Row("GET " + RUN + "/pictures", "owner"),
    Row("GET " + RUN + "/events", "owner"),
    Row("GET " + RUN + "/losses", "owner"),
    Row("GET " + RUN + "/epochs", "owner"),
    Row("GET " + RUN + "/samples", "owner"),
    Row("GET " + RUN + "/samples/{sample_id}/picture", "owner"),
    Row("GET " + RUN + "/epochs/{epoch}/file", "owner"),
    Row("GET " + RUN + "/files/{filename}", "owner"),
    Row("GET " + RUN + "/files.zip", "owner"),
    Row("POST " + RUN + "/save-now", "owner", ok=NOT_NOW),
    Row("POST " + RUN + "/sample-now", "owner", ok=NOT_NOW),
    Row("POST " + RUN + "/pause", "owner", ok=NOT_NOW, ids={"run_id": "waiting_run"}),
    Row("POST " + RUN + "/resume", "owner", ok=NOT_NOW, ids={"run_id": "waiting_run"}),
    Row("POST " + RUN + "/cancel", "owner", ok=NOT_NOW, ids={"run_id": "waiting_run"}),
    Row("POST " + RUN + "/retry", "owner", {}, ids={"run_id": "waiting_run"}),
    Row("DELETE " + RUN, "owner", ok=NOT_NOW, ids={"run_id": "waiting_run"}),
)
LORAS = (
    Row("POST /api/loras", "owner", {"run_id": "{run_id}", "epoch": 1, "name": "second"}),
    Row("GET /api/loras", "signed_in"),
    Row("GET /api/loras.zip", "signed_in", ok=SERVED | {404}),
    Row("GET " + LORA, "owner"),
    Row("PATCH " + LORA, "owner", {"notes": "for lines"}),
    Row("GET " + LORA + "/file", "owner"),
    Row("GET " + LORA + "/sidecar.json", "owner"),
    Row("PUT " + LORA + "/preview", "owner", {"sample_id": "{sample_id}"}),
    Row("GET " + LORA + "/preview.png", "owner"),
    Row("GET " + LORA + "/base-models", "owner"),
    Row("DELETE " + LORA, "owner"),
    Row("POST " + LORA + "/restore", "owner"),
    Row("POST /api/lora-jobs", "owner", {"tool": "convert", "lora_id": "{lora_id}", "precision": "fp16"}),
    Row("GET /api/lora-jobs", "signed_in"),
    Row("GET /api/lora-jobs/{job_id}", "owner", ids={"job_id": "lora_job"}),
    Row("POST /api/lora-jobs/{job_id}/cancel", "owner", ids={"job_id": "lora_job"}, ok=NOT_NOW),
)
DRAWINGS = (
    Row("POST /api/drawings", "signed_in", {"prompt": "mame", "steps": 1}),
    Row(
        "POST /api/drawings/comparison",
        "owner",
        {"prompts": ["mame"], "compare": ["{lora_id}"], "steps": 1},
        not_there=frozenset({422}),
    ),
    Row("POST /api/drawings/read-parameters", "signed_in", files={"file": ("a.png", b"{png}")}, ok=SERVED | {422}),
    Row("GET /api/drawings/options", "signed_in"),
    Row("GET /api/drawings/requests", "signed_in"),
    Row("GET /api/drawings", "signed_in"),
    Row("GET " + REQUEST, "owner"),
    Row("GET " + REQUEST + "/events", "owner"),
    Row("POST " + REQUEST + "/cancel", "owner", ok=NOT_NOW),
    Row("POST " + REQUEST + "/continue", "owner", ok=NOT_NOW),
    Row("GET " + REQUEST + "/sheet", "owner", ids={"request_id": "comparison"}),
    Row("GET /api/drawings/{drawing_id}", "owner"),
    Row("GET /api/drawings/{drawing_id}/picture", "owner"),
    Row("GET /api/drawings/{drawing_id}/thumbnail", "owner"),
    Row("POST /api/drawings/download", "owner", {"ids": ["{drawing_id}"]}),
    Row("POST /api/drawings/delete", "owner", {"ids": ["{drawing_id}"]}),
    Row("POST /api/drawings/restore", "owner", {"ids": ["{drawing_id}"]}),
    Row("DELETE /api/drawings/{drawing_id}", "owner"),
    Row("POST /api/drawings/empty-bin", "signed_in"),
)
ADMIN = (
    Row("GET /api/admin/accounts", "admin"),
    Row("POST /api/admin/accounts", "admin", {"name": "newcomer"}, in_person=True),
    Row("GET " + ACCOUNT, "admin"),
    Row("PATCH " + ACCOUNT, "admin", {"plan_name": "pro"}, in_person=True),
    Row("POST " + ACCOUNT + "/password", "admin", in_person=True),
    Row("DELETE " + ACCOUNT + "/keys", "admin", in_person=True),
    Row("DELETE " + ACCOUNT, "admin", in_person=True),
    Row("GET /api/admin/workers", "admin"),
    Row("GET /api/admin/queue", "admin"),
    Row("POST /api/admin/queue/{job_id}/cancel", "admin", ok=frozenset({409}), in_person=True),  # it has ended
)
ROWS: tuple[Row, ...] = (
    *STUDIO, *ACCOUNTS, *STAMINA, *UPLOADS, *BASE_MODELS, *DATASETS, *CAPTION_ROWS, *RUNS, *LORAS, *DRAWINGS, *ADMIN,
)  # fmt: skip
