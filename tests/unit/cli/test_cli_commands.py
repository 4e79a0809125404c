"""Each command sends the request that its options say, and prints the answer for people or for programs."""

import json
import re
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from novacron.cloud.v1 import metrics_service_pb2 as ms
from novacron.cloud.v1 import operations_service_pb2 as osv
from novacron.cloud.v1 import provider_service_pb2 as ps
from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.operations_pb2 import Operation, OperationEvent, OperationState

from tests.unit.cli.conftest import Terminal, answer, refuse, refuse_stream, stream
from tests.unit.client import scripted_server as script
from tests.unit.client.test_client_metrics import CPU, NET, batch, opened, synced, table

WEB = "providers/aws/instances/us-east-1~i-1"
OPERATION = "providers/aws/operations/1"
INSTANCE = {
    "name": WEB,
    "native_id": "i-1",
    "display_name": "web",
    "state": "INSTANCE_STATE_RUNNING",
    "region": "us-east-1",
    "zone": "us-east-1a",
    "instance_type": "t3.micro",
    "create_time": "2026-11-24T10:00:00Z",
    "public_ips": ["54.1.2.3"],
}


def message(kind: type[Message], **fields: Any) -> Any:
    return ParseDict(fields, kind())


def operation(revision: int, state: str, **fields: Any) -> Operation:
    done = state in ("SUCCEEDED", "FAILED")
    return Operation(
        name=OPERATION,
        method="ProviderService/CreateInstance",
        revision=revision,
        state=f"OPERATION_STATE_{state}",
        done=done,
        **fields,
    )


def succeeded(result: Message) -> Operation:
    packed = PackedMessage()
    packed.Pack(result)
    return operation(9, "SUCCEEDED", response=packed)


def test_a_list_is_a_table_for_people(terminal: Terminal) -> None:
    pages = (
        answer(ps.ListInstancesRequest, message(ps.ListInstancesResponse, instances=[INSTANCE], next_page_token="2")),
        answer(ps.ListInstancesRequest, message(ps.ListInstancesResponse)),
    )
    result = terminal.run(
        "instances", "list", "-p", "aws", "-r", "us-east-1", "-r", "eu-west-1", "--filter", 'tags.a = "b"', "--deleted",
        answers=pages,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "INSTANCE                               NAME  STATE    TYPE      ZONE        ADDRESS   CREATED",
        f"{WEB}  web   running  t3.micro  us-east-1a  54.1.2.3  2026-11-24 10:00:00Z",
    ]
    first, second = terminal.asked
    assert (first.parent, list(first.regions), first.filter) == (
        "providers/aws",
        ["us-east-1", "eu-west-1"],
        'tags.a = "b"',
    )
    assert first.show_deleted
    assert first.return_partial_success
    assert second.page_token == "2"


def test_a_list_is_one_json_document_for_programs(terminal: Terminal) -> None:
    page = answer(ps.ListInstancesRequest, message(ps.ListInstancesResponse, instances=[INSTANCE]))
    result = terminal.run("instances", "list", "--output", "json", answers=(page,))
    assert json.loads(result.stdout) == {"instances": [INSTANCE]}
    assert terminal.asked[0].parent == "providers/-"


def test_a_limit_ends_a_list(terminal: Terminal) -> None:
    page = message(ps.ListInstancesResponse, instances=[INSTANCE, INSTANCE], next_page_token="more")
    result = terminal.run("instances", "list", "--limit", "1", answers=(answer(ps.ListInstancesRequest, page),))
    assert len(result.stdout.splitlines()) == 2
    assert terminal.asked[0].page_size == 1


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_list_that_is_not_complete_says_so_and_fails(terminal: Terminal, output: str) -> None:
    page = message(ps.ListInstancesResponse, instances=[INSTANCE])
    page.unreachable.add(name="providers/aws/regions/eu-west-1").status.message = "eu-west-1 does not answer"
    answers = (answer(ps.ListInstancesRequest, page),)
    result = terminal.run("instances", "list", answers=answers, NOVACRON_OUTPUT=output)
    assert result.exit_code == 1
    assert WEB in result.stdout
    assert result.stderr.splitlines() == [
        "missing: providers/aws/regions/eu-west-1: eu-west-1 does not answer",
        "error: the list is not complete",
    ]
    if output == "json":
        assert json.loads(result.stdout)["unreachable"][0]["name"] == "providers/aws/regions/eu-west-1"


def test_the_server_comes_from_option_or_environment(terminal: Terminal) -> None:
    page = answer(ps.ListRegionsRequest, ps.ListRegionsResponse())
    terminal.run("instances", "regions", answers=(page,))
    terminal.run("instances", "regions", answers=(page,), NOVACRON_SERVER="unix:/run/nova")
    terminal.run("instances", "regions", "--server", "[::1]:9", answers=(page,), NOVACRON_SERVER="unix:/run/nova")
    assert terminal.servers == ["127.0.0.1:7443", "unix:/run/nova", "[::1]:9"]


def test_get_shows_every_field(terminal: Terminal) -> None:
    got = answer(ps.GetInstanceRequest, message(ps.GetInstanceResponse, instance=INSTANCE))
    result = terminal.run("instances", "get", WEB, "--raw", answers=(got,))
    assert "state: INSTANCE_STATE_RUNNING\n" in result.stdout
    assert terminal.asked[0].include_provider_data
    result = terminal.run("instances", "get", WEB, "-o", "json", answers=(got,))
    assert json.loads(result.stdout) == INSTANCE


def test_create_sends_the_whole_spec_and_shows_each_step(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "init").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA me\n")
    launch = operation(2, "RUNNING", progress_percent=33)
    launch.steps.add(id="run", title="Launch", state=OperationState.OPERATION_STATE_RUNNING)
    watch = stream(
        osv.WatchOperationRequest,
        script.operations(
            OperationEvent(control=script.opened("e")),
            OperationEvent(operation=launch),
            OperationEvent(operation=succeeded(message(Instance, **INSTANCE))),
        ),
    )
    result = terminal.run(
        "instances", "create", "-p", "aws", "--image", "ami-1", "--type", "t3.micro", "--name", "web",
        "--region", "us-east-1", "--zone", "us-east-1a", "--disk", "20", "--network", "vpc-1", "--subnet", "subnet-1",
        "--security-group", "sg-1", "--public-ip", "--user-data", str(tmp_path / "init"),
        "--ssh-key", str(tmp_path / "key.pub"), "--tag", "a=b", "--tag", "c=d", "--spot", "--request-id", "r",
        answers=(answer(ps.CreateInstanceRequest, ps.CreateInstanceResponse(operation=operation(1, "PENDING"))), watch),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{WEB} running 54.1.2.3\n"
    told = [line.split(" ", 1)[1] for line in result.stderr.splitlines()]
    assert told == ["web pending", "web  33 % Launch", "web succeeded"]
    expected = message(
        ps.CreateInstanceRequest,
        parent="providers/aws",
        request_id="r",
        spec={
            "display_name": "web",
            "region": "us-east-1",
            "zone": "us-east-1a",
            "instance_type": "t3.micro",
            "image": "ami-1",
            "boot_disk": {"size_bytes": 20 << 30},
            "network_interfaces": [
                {
                    "network": "vpc-1",
                    "subnet": "subnet-1",
                    "security_groups": ["sg-1"],
                    "assign_public_ip": True,
                }
            ],
            "user_data": "IyEvYmluL3NoCg==",
            "ssh_public_key": "ssh-ed25519 AAAA me",
            "tags": {"a": "b", "c": "d"},
            "spot": True,
        },
    )
    assert terminal.asked[0] == expected


def test_create_without_waiting_names_the_operation(terminal: Terminal) -> None:
    started = answer(ps.CreateInstanceRequest, ps.CreateInstanceResponse(operation=operation(1, "PENDING")))
    arguments = ("instances", "create", "--image", "ami-1", "--vcpus", "2", "--memory", "0.5", "--no-wait")
    assert terminal.run(*arguments, answers=(started,)).stdout == f"{OPERATION}\n"
    result = terminal.run(*arguments, "-o", "json", answers=(started,))
    assert json.loads(result.stdout)["state"] == "OPERATION_STATE_PENDING"
    request = terminal.asked[0]
    assert (request.parent, request.spec.vcpus, request.spec.memory_bytes) == ("providers/default", 2, 1 << 29)
    assert not request.spec.network_interfaces
    assert not request.spec.HasField("boot_disk")


def test_create_can_only_check(terminal: Terminal) -> None:
    checked = answer(ps.CreateInstanceRequest, ps.CreateInstanceResponse())
    result = terminal.run("instances", "create", "--image", "ami-1", "--validate-only", answers=(checked,))
    assert result.exit_code == 0
    assert result.stderr == "it can be done; nothing was changed\n"
    assert terminal.asked[0].validate_only


def test_a_create_that_fails_says_why_and_what_is_left(terminal: Terminal) -> None:
    error = script.status(grpc.StatusCode.RESOURCE_EXHAUSTED, "CAPACITY_UNAVAILABLE", "no t3.micro in us-east-1a")
    failed = operation(2, "FAILED", error=error)
    failed.targets.add(native_id="vol-1")
    started = answer(ps.CreateInstanceRequest, ps.CreateInstanceResponse(operation=failed))
    result = terminal.run("instances", "create", "--image", "ami-1", answers=(started,))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        "error: no t3.micro in us-east-1a (CAPACITY_UNAVAILABLE)",
        "  left in the cloud: vol-1",
    ]


@pytest.mark.parametrize(
    ("arguments", "request_type", "response_type", "fields"),
    [
        (["start"], ps.StartInstanceRequest, ps.StartInstanceResponse, {}),
        (["stop", "--force"], ps.StopInstanceRequest, ps.StopInstanceResponse, {"mode": 1, "force": True}),
        (["stop", "--suspend"], ps.StopInstanceRequest, ps.StopInstanceResponse, {"mode": 3}),
        (["stop", "--keep-host"], ps.StopInstanceRequest, ps.StopInstanceResponse, {"mode": 2}),
        (["restart", "--force"], ps.RestartInstanceRequest, ps.RestartInstanceResponse, {"force": True}),
    ],
)
def test_changes_of_an_instance(
    terminal: Terminal, arguments: list[str], request_type: Any, response_type: Any, fields: dict[str, Any]
) -> None:
    done = answer(request_type, response_type(operation=succeeded(message(Instance, **INSTANCE))))
    result = terminal.run("instances", *arguments, WEB, answers=(done,))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{WEB} running 54.1.2.3\n"
    assert terminal.asked[0].name == WEB
    assert {name: getattr(terminal.asked[0], name) for name in fields} == fields
    assert terminal.asked[0].request_id


def test_delete_takes_several_and_has_nothing_to_show(terminal: Terminal) -> None:
    done = answer(ps.DeleteInstanceRequest, ps.DeleteInstanceResponse(operation=succeeded(Empty())))
    result = terminal.run("instances", "delete", WEB, f"{WEB}2", "--allow-missing", answers=(done, done))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert [request.name for request in terminal.asked] == [WEB, f"{WEB}2"]
    assert all(request.allow_missing for request in terminal.asked)
    result = terminal.run("instances", "delete", WEB, WEB, "-o", "json", answers=(done, done))
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("more", [[], ["--no-wait"]])
def test_of_several_one_that_fails_stops_no_other_and_each_failure_is_told(terminal: Terminal, more: list[str]) -> None:
    missing = [script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", f"no {name}") for name in "ab"]
    first, last = (refuse(ps.StopInstanceRequest, error) for error in missing)
    operation = succeeded(message(Instance, **INSTANCE))
    done = answer(ps.StopInstanceRequest, ps.StopInstanceResponse(operation=operation))
    result = terminal.run("instances", "stop", "a", WEB, "b", *more, answers=(first, done, last))
    assert result.exit_code == 4
    assert result.stdout == (f"{operation.name}\n" if more else f"{WEB} running 54.1.2.3\n")
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert sorted(errors) == ["error: no a (RESOURCE_NOT_FOUND)", "error: no b (RESOURCE_NOT_FOUND)"]


def test_instance_types_and_regions(terminal: Terminal) -> None:
    shape = {"native_id": "t3.nano", "region": "us-east-1", "vcpus": 2, "memory_bytes": 1 << 29, "gpu_count": 1}
    answers = (
        answer(ps.ListInstanceTypesRequest, message(ps.ListInstanceTypesResponse, instance_types=[shape])),
        answer(
            ps.ListRegionsRequest,
            message(
                ps.ListRegionsResponse, regions=[{"native_id": "us-east-1", "available": True, "zones": ["a", "b"]}]
            ),
        ),
    )
    shown = terminal.run("instances", "types", "--filter", "vcpus", answers=answers[:1]).stdout.splitlines()[1]
    assert shown.split() == ["t3.nano", "us-east-1", "2", "512", "MiB", "unknown", "1"]
    shown = terminal.run("instances", "regions", answers=answers[1:]).stdout.splitlines()[1]
    assert shown.split() == ["us-east-1", "yes", "a", "b"]


def test_providers_are_registered_with_their_config(terminal: Terminal) -> None:
    registered = answer(
        ps.RegisterProviderRequest, message(ps.RegisterProviderResponse, provider={"name": "providers/aws"})
    )
    result = terminal.run(
        "providers", "register", "aws", "--kind", "aws", "--display-name", "Main", "--default", "--auth", "a=1",
        "--auth", "b=2", "--endpoint", "http://127.0.0.1:1", "--region", "us-east-1", "--default-region", "us-east-1",
        "--default-zone", "us-east-1a", "--project", "12", "--cloud-timeout", "2.5s", "--max-retries", "0",
        "--option", "metrics.period=1", "--validate-only", answers=(registered,),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == "name: providers/aws\n"
    expected = message(
        ps.RegisterProviderRequest,
        provider_id="aws",
        validate_only=True,
        request_id=terminal.asked[0].request_id,
        provider={
            "kind": "aws",
            "display_name": "Main",
            "is_default": True,
            "config": {
                "auth": {"a": "1", "b": "2"},
                "endpoint": "http://127.0.0.1:1",
                "regions": ["us-east-1"],
                "default_region": "us-east-1",
                "default_zone": "us-east-1a",
                "project": "12",
                "timeout": "2.5s",
                "max_retries": 0,
                "options": {"metrics.period": 1},
            },
        },
    )
    assert terminal.asked[0] == expected


def test_an_update_changes_what_is_given_and_nothing_else(terminal: Terminal) -> None:
    updated = answer(ps.UpdateProviderRequest, message(ps.UpdateProviderResponse, provider={"name": "providers/aws"}))
    arguments = ("providers", "update", "aws", "--no-default", "--max-retries", "0", "--auth", "a=1", "--etag", "v1")
    result = terminal.run(*arguments, answers=(updated,))
    assert result.exit_code == 0, result.output
    request = terminal.asked[0]
    assert list(request.update_mask.paths) == ["is_default", "config.max_retries", "config.auth"]
    assert (request.provider.name, request.provider.etag, request.provider.config.max_retries) == (
        "providers/aws",
        "v1",
        0,
    )
    result = terminal.run("providers", "update", "aws")
    assert result.exit_code == 2
    assert "name something to change" in result.stderr


def test_the_other_commands_for_providers(terminal: Terminal) -> None:
    provider = {
        "name": "providers/aws",
        "kind": "aws",
        "native_id": "123456789012",
        "state": "PROVIDER_STATE_DEGRADED",
        "is_default": True,
        "health": {"regions": [{"region": "us-east-1"}]},
    }
    listed = answer(ps.ListProvidersRequest, message(ps.ListProvidersResponse, providers=[provider]))
    shown = terminal.run("providers", "list", answers=(listed,)).stdout.splitlines()[1]
    assert shown.split() == ["providers/aws", "aws", "123456789012", "degraded", "yes", "us-east-1"]

    got = answer(ps.GetProviderRequest, message(ps.GetProviderResponse, provider=provider))
    assert "health.regions[0].region: us-east-1" in terminal.run("providers", "get", "aws", answers=(got,)).stdout
    assert not terminal.asked[-1].HasField("max_staleness")
    terminal.run("providers", "get", "providers/aws", "--probe", answers=(got,))
    assert terminal.asked[-1].HasField("max_staleness")
    assert terminal.asked[-1].name == "providers/aws"

    gone = answer(ps.UnregisterProviderRequest, ps.UnregisterProviderResponse())
    result = terminal.run("providers", "unregister", "aws", "--allow-missing", answers=(gone,))
    assert result.stdout == "providers/aws is forgotten\n"
    assert terminal.asked[-1].allow_missing
    assert terminal.run("providers", "unregister", "aws", "-o", "json", answers=(gone,)).stdout == "{}\n"

    status = {"capability": "CAPABILITY_METRICS", "level": "SUPPORT_LEVEL_NATIVE", "limits": "basic metrics"}
    able = answer(ps.GetCapabilitiesRequest, message(ps.GetCapabilitiesResponse, capabilities=[status]))
    shown = terminal.run("providers", "capabilities", "aws", answers=(able,)).stdout.splitlines()[1]
    assert shown.split() == ["metrics", "native", "basic", "metrics"]
    result = terminal.run("providers", "capabilities", "aws", "-o", "json", answers=(able,))
    assert json.loads(result.stdout) == {"capabilities": [status]}


def test_operations(terminal: Terminal) -> None:
    made = operation(3, "RUNNING", progress_percent=50)
    made.targets.add(native_id="i-1")
    listed = answer(osv.ListOperationsRequest, osv.ListOperationsResponse(operations=[made]))
    shown = terminal.run("operations", "list", "-p", "aws", answers=(listed,)).stdout.splitlines()[1]
    assert shown.split() == [OPERATION, "CreateInstance", "running", "50", "%", "i-1"]

    got = answer(osv.GetOperationRequest, osv.GetOperationResponse(operation=made))
    assert "progress_percent: 50" in terminal.run("operations", "get", OPERATION, answers=(got,)).stdout

    stopping = answer(osv.CancelOperationRequest, osv.CancelOperationResponse(operation=operation(4, "CANCELLING")))
    result = terminal.run("operations", "cancel", OPERATION, answers=(stopping,))
    assert result.stdout == f"{OPERATION} cancelling\n"
    result = terminal.run("operations", "cancel", OPERATION, "-o", "json", answers=(stopping,))
    assert json.loads(result.stdout)["state"] == "OPERATION_STATE_CANCELLING"


def test_watch_shows_changes_and_ends_as_the_operation_ends(terminal: Terminal) -> None:
    first = OperationEvent(control=script.opened("e"))
    running = OperationEvent(operation=operation(2, "RUNNING"))
    good = OperationEvent(operation=succeeded(message(Instance, **INSTANCE)))
    watch = stream(osv.WatchOperationRequest, script.operations(first, running, good))
    result = terminal.run("operations", "watch", OPERATION, answers=(watch,))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{OPERATION} succeeded\n"
    result = terminal.run("operations", "watch", OPERATION, "-o", "json", answers=(watch,))
    states = [json.loads(line)["state"] for line in result.stdout.splitlines()]
    assert states == ["OPERATION_STATE_RUNNING", "OPERATION_STATE_SUCCEEDED"]

    error = script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no image ami-1")
    bad = OperationEvent(operation=operation(3, "FAILED", error=error))
    watch = stream(osv.WatchOperationRequest, script.operations(first, running, bad))
    result = terminal.run("operations", "watch", OPERATION, answers=(watch,))
    assert result.exit_code == 4
    assert result.stderr.splitlines()[-1] == "error: no image ami-1 (RESOURCE_NOT_FOUND)"


def test_all_operations_are_watched_without_a_name(terminal: Terminal) -> None:
    first = OperationEvent(control=script.opened("e"))
    running = OperationEvent(operation=operation(2, "RUNNING"))
    error = script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no image ami-1")
    bad = OperationEvent(operation=operation(3, "FAILED", error=error))
    gone = script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no provider aws")
    told = osv.WatchOperationsResponse(events=[first, running, bad])
    arguments = ("operations", "watch", "--provider", "aws", "--filter", 'done = "false"')
    watch = (stream(osv.WatchOperationsRequest, told), refuse_stream(osv.WatchOperationsRequest, gone))
    result = terminal.run(*arguments, answers=watch)
    # Endless, but for what no new connection mends.
    assert result.exit_code == 4
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == [OPERATION, OPERATION]
    assert lines[0][1:3] == ["CreateInstance", "running"] and lines[1][2] == "failed"
    assert lines[1][-1] == "no image ami-1"
    assert terminal.asked[0].parent == "providers/aws" and terminal.asked[0].filter == 'done = "false"'
    result = terminal.run(*arguments, "-o", "json", answers=watch)
    assert [json.loads(line)["state"] for line in result.stdout.splitlines()] == [
        "OPERATION_STATE_RUNNING",
        "OPERATION_STATE_FAILED",
    ]
    quiet = stream(osv.WatchOperationsRequest, osv.WatchOperationsResponse(events=[first]), end=False)
    result = terminal.run(*arguments, "--for", "0.2s", answers=(quiet,))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_metrics_are_listed_and_read(terminal: Terminal) -> None:
    descriptor = {
        "name": f"providers/aws/metricDescriptors/{CPU}",
        "type": CPU,
        "unit": "1",
        "min_period": "60s",
        "native": {"namespace": "AWS/EC2", "metric": "CPUUtilization"},
        "description": "CPU in use",
    }
    listed = answer(
        ms.ListMetricDescriptorsRequest, message(ms.ListMetricDescriptorsResponse, metric_descriptors=[descriptor])
    )
    shown = terminal.run("metrics", "list", answers=(listed,)).stdout.splitlines()[1]
    assert shown.split() == [CPU, "aws", "1", "60", "s", "AWS/EC2", "CPUUtilization", "CPU", "in", "use"]

    point = {"metric": CPU, "resource": WEB, "unit": "1", "time": "2026-11-24T10:00:00Z", "value": 0.5}
    points = [point, {**point, "metric": "cloud.volume.read_bytes", "attributes": {"device": "sda"}, "unit": "By/s"}]
    latest = answer(ms.GetLatestMetricsRequest, message(ms.GetLatestMetricsResponse, points=points))
    arguments = ("metrics", "latest", "-m", "cloud.*", "--resource", WEB, "--filter", 'attributes.device = "sda"')
    lines = terminal.run(*arguments, answers=(latest,)).stdout.splitlines()
    assert lines[1].split() == ["2026-11-24", "10:00:00Z", WEB, CPU, "50.0", "%"]
    assert lines[2].split()[3:] == ["cloud.volume.read_bytes{device=sda}", "0.5", "B/s"]
    selector = terminal.asked[-1].selector
    assert (list(selector.metrics), list(selector.resources)) == (["cloud.*"], [WEB])
    assert selector.filter == 'attributes.device = "sda"'


@pytest.mark.parametrize("output", ["table", "json"])
def test_live_metrics_are_lines_without_a_terminal(terminal: Terminal, output: str) -> None:
    gap = ms.MetricEvent()
    gap.control.gap.dropped_items = 40
    first = [table(0, (CPU, WEB), (NET, WEB)), batch(1_700_000_000, 0, [0.25, float("nan")]), synced(1)]
    watch = stream(ms.StreamMetricsRequest, script.metrics(opened("e"), *first, gap, synced(2)), end=False)
    history = refuse(ms.QueryMetricsRequest, script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "gone"))
    result = terminal.run(
        "metrics", "watch", "-p", "aws", "-m", CPU, "--interval", "2s", "--changes", "--for", "1s", "-o", output,
        answers=(watch, history),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    dropped, missing = result.stderr.splitlines()
    assert dropped == "40 values were dropped, this reader is too slow: history is asked for them"
    assert re.fullmatch(r"missing: values from before \d\d:\d\d:\d\d could not all be read: gone", missing)
    request = terminal.asked[0]
    assert (request.parent, request.interval.seconds, request.changes_only) == ("providers/aws", 2, True)
    if output == "json":
        assert [json.loads(line) for line in result.stdout.splitlines()] == [
            {"time": "2023-11-14T22:13:20Z", "metric": CPU, "resource": WEB, "value": 0.25, "unit": "1"},
            {"time": "2023-11-14T22:13:20Z", "metric": NET, "resource": WEB, "value": None, "unit": "1"},
        ]
    else:
        assert result.stdout == f"22:13:20 {WEB} {CPU} 25.0 %\n22:13:20 {WEB} {NET} -\n"


def test_a_refusal_names_the_fields(terminal: Terminal) -> None:
    error = script.status(
        grpc.StatusCode.INVALID_ARGUMENT,
        "FIELD_INVALID",
        "2 fields are wrong",
        fields={"spec.image": "is required", "spec.vcpus": "must not be negative"},
    )
    result = terminal.run("instances", "create", "--image", "", answers=(refuse(ps.CreateInstanceRequest, error),))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: 2 fields are wrong (FIELD_INVALID)",
        "  spec.image: is required",
        "  spec.vcpus: must not be negative",
    ]
