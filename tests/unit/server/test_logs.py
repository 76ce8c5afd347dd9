"""No secret ever reaches a log line, whoever wrote it and however deep it lies."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from enogu.server.logs import MASKED, mask_text, set_up_logs, without_secrets

SECRET = "hush-hush-hush-hush"  # noqa: S105


@pytest.fixture
def put_back() -> Iterator[None]:
    """Logs as they were, afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


NAMES = "password old_password token X-CSRF-Token cookie Authorization setup_code api_key client_secret"


@pytest.mark.parametrize("name", NAMES.split())
def test_what_is_secret_by_its_name_is_masked_however_deep(name: str) -> None:
    event = {"event": "x", name: SECRET, "deep": {"list": [{name: SECRET}], name: {"in": SECRET}}}
    assert SECRET not in json.dumps(without_secrets(None, "", event))


@pytest.mark.parametrize(
    "text",
    [
        "sent enogu_s_abcdefghij0123456789 along",
        "sent enogu_t_abcdefghij0123456789 along",
        "Authorization: Bearer abcdefghij0123456789",
        "postgresql://mame:abcdefghij0123456789@db/enogu",
    ],
)
def test_what_slipped_into_a_text_is_masked_by_its_look(text: str) -> None:
    masked = mask_text(text)
    assert "abcdefghij0123456789" not in masked
    assert MASKED in masked


@given(st.text(max_size=40))
def test_texts_without_secrets_stay_as_they_are(text: str) -> None:
    plain = text.replace("://", "").replace("enogu_", "").replace("earer", "").replace("asic", "")
    assert without_secrets(None, "", {"event": plain}) == {"event": plain}


def test_a_line_is_one_json_object_and_exceptions_are_masked_too(
    put_back: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs(as_json=True, keeps_loggers=False)
    try:
        raise RuntimeError("could not use enogu_t_abcdefghij0123456789")
    except RuntimeError:
        structlog.get_logger("test").exception("failed", run_id="1")
        logging.getLogger("elsewhere").error("token=%s", "enogu_s_abcdefghij0123456789", exc_info=True)
    lines = written.getvalue().strip().splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["error", "error"]
    assert json.loads(lines[0])["run_id"] == "1"
    assert "abcdefghij0123456789" not in written.getvalue()
