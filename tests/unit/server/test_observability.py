"""Log lines: off the loop, whole, and without secrets."""

import io
import json
import logging

import pytest
import structlog
from novacron_server.observability import redact, setup_logs

from tests import logs

CANARIES = {
    "an access key": "AKIAIOSFODNN7EXAMPLE",
    "a session key": "ASIAIOSFODNN7EXAMPLE",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEcanary\n-----END RSA PRIVATE KEY-----",
    "a token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
    "a signed address": "https://x.example/?sp=r&sig=canary%2Fcanary",
    "a connection string": "password=canary-canary",
}


@pytest.mark.parametrize("secret", CANARIES.values(), ids=CANARIES.keys())
def test_what_looks_like_a_credential_is_hidden(secret: str) -> None:
    shown = redact(None, "info", {"event": f"before {secret} after"})["event"]
    assert "canary" not in shown and "EXAMPLE" not in shown
    assert shown.startswith("before ") and "***" in shown


@pytest.mark.parametrize("key", ["secret_access_key", "password", "session_token", "user_data", "authorization"])
def test_what_is_called_a_secret_is_hidden(key: str) -> None:
    assert redact(None, "info", {"event": "x", key: "harmless"})[key] == "***"


@pytest.fixture
def restored() -> object:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield None
    root.level, root.handlers = level, handlers
    logs.keep()


def test_lines_of_ours_and_of_libraries_are_json_of_one_form(restored: object) -> None:
    out = io.StringIO()
    stop = setup_logs("info", "json", out)
    structlog.get_logger("ours").info("rpc", method="X/Y", ms=1.5)
    logging.getLogger("theirs").warning("key %s", CANARIES["an access key"])
    logging.getLogger("botocore").info("a signed request")
    try:
        raise ValueError("what went wrong")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    stop()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["rpc", "key ***", "failed"]
    assert lines[0]["method"] == "X/Y" and lines[0]["level"] == "info" and lines[0]["timestamp"].endswith("Z")
    assert "what went wrong" in lines[2]["exception"]
