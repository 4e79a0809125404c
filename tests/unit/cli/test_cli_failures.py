"""Exit codes mean something, and each failure is one clear sentence."""

import asyncio

import grpc
import pytest
import typer
from google.rpc import status_pb2
from novacron.cloud.v1 import provider_service_pb2 as ps
from novacron_cli.commands import app
from novacron_cli.failure import exit_code, fail, told
from novacron_client import CloudError
from typer.testing import CliRunner

from tests.unit.cli.conftest import Terminal, refuse
from tests.unit.client import scripted_server as script
from tests.unit.client.fake_channel import AioChannel

Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (Code.INVALID_ARGUMENT, "FIELD_INVALID", 2),
        (Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", 2),
        (Code.NOT_FOUND, "RESOURCE_NOT_FOUND", 4),
        (Code.PERMISSION_DENIED, "CALLER_FORBIDDEN", 5),
        (Code.UNAUTHENTICATED, "CALLER_UNAUTHENTICATED", 5),
        (Code.FAILED_PRECONDITION, "CREDENTIALS_INVALID", 5),
        (Code.FAILED_PRECONDITION, "CLOUD_PERMISSION_MISSING", 5),
        (Code.FAILED_PRECONDITION, "RESOURCE_STATE_INVALID", 1),
        (Code.RESOURCE_EXHAUSTED, "PROVIDER_THROTTLED", 6),
        (Code.RESOURCE_EXHAUSTED, "SERVER_OVERLOADED", 6),
        (Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", 1),
        (Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", 6),
        (Code.DEADLINE_EXCEEDED, "", 1),
        (Code.INTERNAL, "INTERNAL", 1),
    ],
)
def test_exit_codes(code: grpc.StatusCode, reason: str, expected: int) -> None:
    assert exit_code(CloudError(script.status(code, reason))) == expected


def test_a_refusal_is_told_with_what_helps(terminal: Terminal) -> None:
    error = script.status(Code.RESOURCE_EXHAUSTED, "PROVIDER_THROTTLED", "aws throttles", retry_after=2.5)
    result = terminal.run("instances", "list", answers=(refuse(ps.ListInstancesRequest, error),))
    assert result.exit_code == 6
    assert result.stdout == ""
    assert result.stderr == "error: aws throttles (PROVIDER_THROTTLED)\n  repeat it after 2.5 s\n"


def test_no_server(terminal: Terminal) -> None:
    def refused(channel: AioChannel) -> object:
        return channel.answer(ps.GetInstanceRequest, code=Code.UNAVAILABLE, details="connect: Connection refused (111)")

    result = terminal.run("instances", "get", "x", "--server", "127.0.0.1:9", answers=(refused,) * 5)
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error: no NovaCron Cloud server answers at 127.0.0.1:9: Connection refused",
        "  start one with `novacron-cloud serve`, or name another with --server or NOVACRON_SERVER",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_interruption_is_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, told():
        raise error
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), told():
        raise ZeroDivisionError


def test_an_error_without_a_reason_has_no_brackets(terminal: Terminal) -> None:
    error = status_pb2.Status(code=Code.CANCELLED.value[0], message="cancelled")
    result = terminal.run("instances", "list", answers=(refuse(ps.ListInstancesRequest, error),))
    assert (result.exit_code, result.stderr) == (1, "error: cancelled\n")


def test_a_field_is_named_once(terminal: Terminal) -> None:
    messages = {"filter: Instance has no field 'x'": "", "must be positive": "  filter\n"}
    for message, more in messages.items():
        error = script.status(Code.INVALID_ARGUMENT, "FIELD_INVALID", message, fields={"filter": message[8:]})
        result = terminal.run("instances", "list", answers=(refuse(ps.ListInstancesRequest, error),))
        assert result.stderr == f"error: {message} (FIELD_INVALID)\n{more}"


def test_a_deadline_is_told_with_its_option(terminal: Terminal) -> None:
    late = status_pb2.Status(code=Code.DEADLINE_EXCEEDED.value[0], message="ListInstances was not answered in time")
    result = terminal.run("instances", "list", answers=(refuse(ps.ListInstancesRequest, late),))
    assert result.stderr == "error: ListInstances was not answered in time\n  give it longer with --timeout\n"


def test_fail_tells_and_gives_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("it broke", 7).exit_code == 7
    assert capsys.readouterr().err == "error: it broke\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["instances", "frob"], "No such command 'frob'"),
        (["instances", "list", "--limit", "-1"], "greater than or equal to 0"),
        (["instances", "list", "--timeout", "soon"], "is no duration"),
        (["instances", "list", "--output", "xml"], "'xml' is not one of"),
        (["instances", "create", "--image", "a", "--tag", "x"], "'x' is not of the form KEY=VALUE"),
        (["instances", "create", "--image", "a", "--user-data", "/nowhere"], "/nowhere: No such file"),
        (["instances", "stop", "x", "--suspend", "--keep-host"], "exclude each other"),
        (["instances", "create"], "Missing option '--image'"),
        (["demo", "--instances", "0"], "greater than or equal to 1"),
    ],
)
def test_bad_usage_is_2(terminal: Terminal, arguments: list[str], told: str) -> None:
    result = terminal.run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_malformed_address_is_bad_usage() -> None:
    result = CliRunner().invoke(app, ["instances", "list", "--server", "nowhere"])
    assert result.exit_code == 2
    assert "'nowhere' is neither HOST:PORT nor unix:PATH" in result.stderr
