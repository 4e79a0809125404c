"""instances watch and metrics watch where there is no terminal, and what they refuse."""

import json
import re
import threading

import pytest
from google.protobuf.message import Message
from novacron.cloud.v1 import common_pb2, provider_pb2
from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.metrics_service_pb2 import MetricEvent, StreamMetricsRequest
from novacron.cloud.v1.operations_pb2 import OperationEvent
from novacron.cloud.v1.operations_service_pb2 import WatchOperationsRequest, WatchOperationsResponse
from novacron.cloud.v1.provider_service_pb2 import ResourceEvent, WatchResourcesRequest, WatchResourcesResponse
from novacron_cli import connection

from tests.unit.cli.conftest import Terminal, stream
from tests.unit.client import scripted_server as script

WEB = "providers/aws/instances/us-east-1~i-1"
EVENTS = (
    ResourceEvent(control=script.opened("e")),
    ResourceEvent(provider=provider_pb2.Provider(name="providers/aws", state="PROVIDER_STATE_ACTIVE")),
    ResourceEvent(instance=Instance(name=WEB, display_name="web", state="INSTANCE_STATE_RUNNING", region="us-east-1")),
    ResourceEvent(sequence=3, control=script.synced()),
    ResourceEvent(sequence=4, removed=common_pb2.ResourceRef(name=WEB, display_name="web")),
)
WATCH = stream(WatchResourcesRequest, WatchResourcesResponse(events=EVENTS), end=False)


def test_the_inventory_is_lines_without_a_terminal(terminal: Terminal) -> None:
    result = terminal.run("instances", "watch", "-p", "aws", "-r", "us-east-1", "--for", "0.3s", answers=(WATCH,))
    assert result.exit_code == 0, result.output
    told = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in result.stdout.splitlines()]
    assert told == ["providers/aws active", f"{WEB}  web  running  us-east-1", f"{WEB}  web  removed"]
    [request] = terminal.asked
    assert (request.parent, [*request.regions], [*request.types]) == ("providers/aws", ["us-east-1"], [])


def test_the_inventory_is_a_document_a_line(terminal: Terminal) -> None:
    arguments = ("instances", "watch", "--filter", 'state = "RUNNING"', "--for", "0.3s", "-o", "json")
    result = terminal.run(*arguments, answers=(WATCH,))
    assert result.exit_code == 0, result.output
    provider, instance, synced, removed = map(json.loads, result.stdout.splitlines())
    assert provider["provider"]["state"] == "PROVIDER_STATE_ACTIVE"
    assert instance["instance"]["name"] == WEB
    assert synced == {"synced": True}
    assert removed == {"removed": {"name": WEB, "display_name": "web"}}
    [request] = terminal.asked
    # A filter has to fit all kinds that are watched.
    assert (request.filter, [*request.types]) == ('state = "RUNNING"', [common_pb2.RESOURCE_TYPE_INSTANCE])


@pytest.mark.parametrize(
    ("words", "request_type", "response"),
    [
        ("instances watch", WatchResourcesRequest, WatchResourcesResponse(events=EVENTS[:1])),
        ("metrics watch", StreamMetricsRequest, script.metrics(MetricEvent(control=script.opened("e")))),
        (
            "operations watch",
            WatchOperationsRequest,
            WatchOperationsResponse(events=[OperationEvent(control=script.opened("e"))]),
        ),
    ],
)
def test_lines_tell_of_a_connection_that_is_lost_and_of_one_that_is_back(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    request_type: type[Message],
    response: Message,
) -> None:
    lines: list[str] = []
    told = threading.Event()

    def tell(line: str) -> None:
        lines.append(line)
        told.set()

    monkeypatch.setattr(connection, "LOOK", 0.01)
    monkeypatch.setattr(connection, "tell", tell)
    opened, opened_anew = stream(request_type, response), stream(request_type, response, end=False)

    def wait(_: object) -> None:
        # The client has called again by now, and that call is not answered before this returns.
        assert told.wait(5), "nothing was told"

    result = terminal.run(*words.split(), "--for", "1s", answers=(opened, wait, opened_anew))
    assert result.exit_code == 0, result.output
    [lost, back] = lines
    assert re.fullmatch(r"the connection to \S+ is lost, and tried again", lost)
    assert re.fullmatch(r"the connection to \S+ is back", back)
    assert not result.stdout


@pytest.mark.parametrize("group", ["zone", "tags", "tags."])
def test_a_group_that_cannot_be_made_is_refused(terminal: Terminal, group: str) -> None:
    result = terminal.run("metrics", "watch", "--group-by", group)
    assert result.exit_code == 2
    assert "--group-by" in result.stderr
    assert "provider, region, type, tags.KEY" in result.stderr
