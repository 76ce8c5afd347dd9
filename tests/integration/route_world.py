"""A studio in which one person has something of everything, for asking whether others get at it.

Made over the API, as the person's own script makes it, with the fake engine for what a worker does.
"""

from __future__ import annotations

import base64
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from PIL import Image

from enogu.accounts import service as accounts
from enogu.bootstrap import open_studio
from enogu.imaging.decoder import DirectDecoder
from enogu.server.app import create_app
from enogu.settings import Settings
from enogu.storage.database import transaction, utc_now
from enogu.worker.engine_host import EngineHost
from enogu.worker.in_process import run_one_job
from tests.integration.route_rows import RECIPE, TUS
from tests.unit.base_models.checkpoints import checkpoint

SERVER = "http://localhost:8000"
PROMPT = "mame, a wish that is nobody else's business"
"""In the owner's run and drawings; in no answer to anybody else."""


class World:
    """The app, its people, and what the owner has."""

    def __init__(self, home: Path) -> None:
        studio = replace(open_studio(Settings(home), "password"), decoder=DirectDecoder())
        self.studio = studio
        self.app = create_app(studio)
        self.ids: dict[str, str] = {}
        picture = io.BytesIO()
        Image.new("RGB", (96, 96), (200, 120, 40)).save(picture, "PNG")
        self.png = picture.getvalue()
        self.anybody = self._client()
        self.owner_id, self.owner = self.person("owner")
        _, self.other = self.person("other")
        _, self.admin = self.person("admin", is_admin=True)
        self.script = self._script(self.owner_id)
        self.ids["account_id"], _ = self.person("target")
        self._host = EngineHost([sys.executable, "-m", "enogu.worker.fake_engine"], "cpu")
        self._fill()

    def close(self) -> None:
        self._host.close(3)
        self.studio.close()

    def person(self, name: str, *, is_admin: bool = False) -> tuple[str, TestClient]:
        """Somebody at a browser."""
        with transaction(self.studio.engine) as session:
            account = accounts.create_account(
                session, name, None, utc_now(), is_admin=is_admin, plan_name="pro" if name == "owner" else "free"
            )
            secret = accounts.open_session(session, account.id, utc_now()).secret
        client = self._client()
        client.cookies.set("enogu", secret)
        client.headers["X-CSRF-Token"] = client.get("/api/me").json()["csrf_token"]
        return account.id, client

    def work(self) -> None:
        """What waits, as a worker would do it."""
        while run_one_job(self.studio, engine_host=self._host, beat_seconds=0.2) is not None:
            pass

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """As the owner; the JSON of the answer, which must be one that serves."""
        answer = self.owner.request(method, path, **more)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def _client(self) -> TestClient:
        return TestClient(self.app, base_url=SERVER, raise_server_exceptions=False, follow_redirects=False)

    def _script(self, account_id: str) -> TestClient:
        with transaction(self.studio.engine) as session:
            token = accounts.create_api_token(session, account_id, "script", utc_now())
            spare = accounts.create_api_token(session, account_id, "spare", utc_now())
            self.ids["session_id"] = accounts.open_session(session, account_id, utc_now()).id
        self.ids["token_id"] = spare.id
        client = self._client()
        client.headers["Authorization"] = f"Bearer {token.secret}"
        return client

    def _upload(self, name: str, kind: str, data: bytes, *, is_whole: bool = True) -> str:
        told = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", name), ("kind", kind))
        )
        headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": told}
        address = self.owner.post("/api/uploads", headers=headers).headers["location"]
        if is_whole:
            headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            assert self.owner.patch(address, content=data, headers=headers).status_code == 204
        return address.rsplit("/", 1)[1]

    def _fill(self) -> None:
        ids = self.ids
        ids["upload_id"] = self._upload("cut.png", "picture", b"abc", is_whole=False)
        ids["finished_upload"] = self._upload("one.png", "picture", self.png)
        ids["tagger_upload"] = self._upload("model.onnx", "tagger", b"no tagger")
        ids["checkpoint_upload"] = self._upload("anime.safetensors", "base_model", checkpoint())

        ids["dataset_id"] = dataset_id = self.ask("POST", "/api/datasets/samples", json={"name": "mame"})["id"]
        ids["spare_dataset"] = self.ask("POST", "/api/datasets", json={"name": "spare"})["id"]
        pictures = self.ask("GET", f"/api/datasets/{dataset_id}/pictures")
        ids["picture_id"] = (pictures["pictures"] if isinstance(pictures, dict) else pictures)[0]["id"]
        task = self.ask("POST", f"/api/datasets/{dataset_id}/crop-and-tag", json={"parts": "crop"})
        ids["job_id"] = task["id"]
        self.ask("POST", f"/api/datasets/{dataset_id}/tasks/{task['id']}/cancel")
        tagger = self._upload("model.onnx", "tagger", b"no tagger either")
        ids["tagger_id"] = self.ask("POST", "/api/taggers", json={"name": "mine", "upload_ids": [tagger]})["id"]

        words = {"file": ("mine.csv", b"smile,0,100,\nwink,0,50,\n")}
        ids["vocabulary_id"] = self.ask("POST", "/api/vocabularies", files=words)["id"]

        upload = self._upload("own.safetensors", "base_model", checkpoint())
        made = self.ask("POST", "/api/base-models", json={"upload_id": upload})
        ids["base_model_id"] = made["id"]

        ids["preset_id"] = self.ask("POST", "/api/presets", json={"name": "mine", "recipe": RECIPE})["id"]
        recipe = RECIPE | {"previews": {"prompts": [PROMPT], "steps": 1}}
        ids["run_id"] = run_id = self.ask("POST", "/api/runs", json={"dataset_id": dataset_id, "recipe": recipe})["id"]
        self.work()
        epochs = self.ask("GET", f"/api/runs/{run_id}/epochs")
        (epoch, *_) = epochs["epochs"] if isinstance(epochs, dict) else epochs
        ids["epoch"], ids["filename"] = str(epoch["epoch"]), epoch["filename"]
        samples = self.ask("GET", f"/api/runs/{run_id}/samples")
        ids["sample_id"] = (samples["samples"] if isinstance(samples, dict) else samples)[0]["id"]
        waiting = self.ask("POST", "/api/runs", json={"dataset_id": dataset_id, "recipe": recipe})

        lora = self.ask("POST", "/api/loras", json={"run_id": run_id, "epoch": epoch["epoch"], "name": "first"})
        ids["lora_id"] = lora["id"]
        self.ask("POST", f"/api/runs/{waiting['id']}/cancel")
        wish = {"base_model": "starter", "steps": 1, "width": 64, "height": 64}
        ids["request_id"] = self.ask("POST", "/api/drawings", json={**wish, "prompt": PROMPT})["id"]
        comparison = {**wish, "prompts": [PROMPT], "compare": [lora["id"]], "weights": [0.5]}
        ids["comparison"] = self.ask("POST", "/api/drawings/comparison", json=comparison)["id"]
        self.work()
        ids["drawing_id"] = self.ask("GET", "/api/drawings")["drawings"][0]["id"]
        again = {"dataset_id": dataset_id, "recipe": recipe}
        ids["waiting_run"] = self.ask("POST", "/api/runs", json=again)["id"]
        tool = {"tool": "convert", "lora_id": lora["id"]}
        ids["lora_job"] = self.ask("POST", "/api/lora-jobs", json=tool)["id"]
