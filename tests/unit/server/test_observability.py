"""Log lines: off the loop, whole, and without secrets."""

import contextlib
import io
import json
import logging
import sys

import pytest
import structlog
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, NotFound, Unavailable
from novacron_server import observability
from novacron_server.observability import Metadata, Observed, redact, setup_logs
from novacron_server.rpc import contract

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
    out, before = io.StringIO(), logging.getLogger().level
    stop = setup_logs("info", "json", out)
    structlog.get_logger("ours").info("rpc", method="X/Y", ms=1.5)
    logging.getLogger("theirs").warning("key %s", CANARIES["an access key"])
    logging.getLogger("botocore").info("a signed request")
    logging.getLogger("alembic.runtime.plugins").info("setup plugin alembic.autogenerate.schemas")
    try:
        raise ValueError("what went wrong")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    stop()
    assert logging.getLogger().level == before
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["rpc", "key ***", "failed"]
    assert lines[0]["method"] == "X/Y" and lines[0]["level"] == "info" and lines[0]["timestamp"].endswith("Z")
    assert "what went wrong" in lines[2]["exception"]


RPCS = {rpc.name: rpc for rpc in contract()}


def lines_of(
    level: str, name: str, error: Exception | None = None, metadata: Metadata = tuple
) -> list[dict[str, object]]:
    """What a call leaves in a log of that level."""
    out = io.StringIO()
    stop = setup_logs(level, "json", out)
    with contextlib.suppress(CloudError, ZeroDivisionError), Observed(RPCS[name], Call(), metadata, {}):
        if error:
            raise error
    stop()
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("name", "error", "level"),
    [
        ("GetProvider", None, "debug"),
        ("GetProvider", NotFound("no such provider"), "info"),
        ("UnregisterProvider", None, "info"),
        ("CreateInstance", None, "info"),
        ("StreamMetrics", None, "info"),
        ("ListInstances", Unavailable("the cloud is away"), "warning"),
        ("ListInstances", ZeroDivisionError(), "error"),
    ],
)
def test_a_call_has_the_level_that_it_matters_at(
    restored: object, name: str, error: Exception | None, level: str
) -> None:
    [line] = lines_of(level, name, error)
    assert (line["method"], line["level"]) == (RPCS[name].path, level)
    levels = ["debug", "info", "warning", "error"]
    for higher in levels[levels.index(level) + 1 :]:
        assert lines_of(higher, name, error) == []


def test_a_read_that_takes_long_is_told_without_debug(restored: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observability, "SLOW", 0.0)
    [line] = lines_of("info", "GetProvider")
    assert line["code"] == "OK"


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("level", ["debug", "info"])
def test_a_line_tells_the_callers_trace_and_where_there_is_none_it_is_not_asked_for(
    restored: object, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    # Where OpenTelemetry is there, it would want to know it of each call.
    monkeypatch.delitem(sys.modules, "opentelemetry")
    monkeypatch.delitem(sys.modules, "novacron_server.signals", raising=False)
    asked = []

    def metadata() -> list[tuple[str, str | bytes]]:
        asked.append(level)
        return [("user-agent", "x"), ("x-bin", b"\xff"), ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")]

    told = [line["trace_id"] for line in lines_of(level, "GetProvider", metadata=metadata)]
    assert (told, asked) == (([TRACE], [level]) if level == "debug" else ([], []))
    assert "novacron_server.signals" not in sys.modules


@pytest.mark.parametrize(
    "header", ["", "x", f"ff-{TRACE}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-b7ad-01"]
)
def test_what_is_no_trace_is_not_told(restored: object, monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry")
    [line] = lines_of("debug", "GetProvider", metadata=lambda: [("traceparent", header)])
    assert "trace_id" not in line
