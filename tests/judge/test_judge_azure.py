"""The judge of Azure: a machine's life through Microsoft's own libraries conforms; a change of one field does not."""

import copy
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from novacron_sandbox import Sandbox

from tests.judge.openapi import Azure
from tests.unit.sandbox.microsoft import subscription

Exchange = dict[str, Any]
Change = Callable[[Exchange], object]

if "AZURE_SPECS_DIR" not in os.environ:
    pytest.skip("AZURE_SPECS_DIR is not set", allow_module_level=True)


@pytest.fixture(scope="module")
def judge() -> Azure:
    return Azure(Path(os.environ["AZURE_SPECS_DIR"]))


async def _live(sandbox: Sandbox) -> None:
    """Make a machine, have it go through all it can go through, watch it and delete it."""
    from azure.monitor.query.aio import LogsQueryClient
    from azure.monitor.querymetrics.aio import MetricsClient

    access = sandbox.azure
    async with subscription(sandbox) as azure:
        machine = await azure.create("life")
        machines = azure.compute.virtual_machines
        for action in (machines.begin_power_off, machines.begin_start, machines.begin_restart):
            await (await action("novacron", "life")).result()
        await (await machines.begin_update("novacron", "life", {"tags": {"role": "judged"}})).result()
        assert len([one async for one in machines.list_all(status_only="true")]) == 1
        assert len([one async for one in machines.list("novacron")]) == 1
        assert [one async for one in azure.compute.resource_skus.list(filter="location eq 'westeurope'")]
        assert [one async for one in azure.compute.disks.list()]
        for path in ("", "/locations", "/resourcegroups"):
            version = "2024-07-01" if path == "/resourcegroups" else "2022-12-01"
            assert (await azure.send("GET", azure.root + path, version=version)).status_code == 200
        for kind in ("networkInterfaces", "publicIPAddresses", "virtualNetworks", "networkSecurityGroups"):
            path = f"{azure.root}/providers/Microsoft.Network/{kind}"
            assert (await azure.send("GET", path)).status_code == 200
        options = {"audience": access["endpoint"], "connection_verify": access["ca_file"]}
        async with MetricsClient(access["metrics_endpoint"], azure.credential, **options) as metrics:
            found = await metrics.query_resources(
                resource_ids=[machine.id],
                metric_namespace="Microsoft.Compute/virtualMachines",
                metric_names=["Percentage CPU"],
                timespan=timedelta(minutes=5),
                granularity=timedelta(minutes=1),
                aggregations=["Average"],
            )
            assert len(found) == 1
        async with LogsQueryClient(azure.credential, endpoint=f"{access['logs_endpoint']}/v1", **options) as logs:
            await logs.query_workspace(access["workspace_id"], "Perf | take 3", timespan=None)
        await (await machines.begin_deallocate("novacron", "life")).result()
        await (await machines.begin_delete("novacron", "life")).result()
        assert (await azure.send("GET", machine.id, version="2024-07-01")).status_code == 404


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Exchange]]:
    """What is said in the life of a machine."""
    import asyncio

    folder = tmp_path_factory.mktemp("exchanges")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_RECORD", str(folder))
        with Sandbox(clouds=("azure",), boot_seconds=0.2) as sandbox:
            asyncio.run(_live(sandbox))
    (record,) = folder.glob("azure-*.jsonl")
    yield [json.loads(line) for line in record.read_text().splitlines()]


def _one(judge: Azure, exchanges: list[Exchange], operation: str) -> Exchange:
    return copy.deepcopy(next(one for one in exchanges if judge.judge(one).operation == operation))


def test_a_machines_life_conforms(judge: Azure, exchanges: list[Exchange]) -> None:
    verdicts = [judge.judge(exchange) for exchange in exchanges]
    assert [verdict for verdict in verdicts if verdict.breaches] == []
    assert len({verdict.operation for verdict in verdicts}) >= 24


CREATE = "VirtualMachines_CreateOrUpdate"
BROKEN_REQUESTS: dict[str, tuple[str, Change, str]] = {
    "a typo": (CREATE, lambda one: one["request_body"]["properties"].update(hardwareprofile={}), "properties"),
    "a missing field": (CREATE, lambda one: one["request_body"].pop("location"), "location"),
    "a wrong type": (CREATE, lambda one: one["request_body"].update(tags={"a": 5}), "tags.a"),
    "what is read-only": (CREATE, lambda one: one["request_body"]["properties"].update(vmId="1"), "vmId"),
    "an unknown query": ("VirtualMachines_Get", lambda one: one.update(url=one["url"] + "&foo=1"), "query.foo"),
    "no version": ("Disks_List", lambda one: one.update(url=one["url"].partition("?")[0]), "query.api-version"),
    "another version": (
        "NetworkInterfaces_ListAll",
        lambda one: one.update(url=one["url"].replace("2024-03-01", "2023-01-01")),
        "query.api-version",
    ),
    "an unknown path": (CREATE, lambda one: one.update(url=one["url"].replace("virtualMachines", "vms")), "path"),
    "a body where there is none": ("VirtualMachines_Start", lambda one: one.update(request_body={}), "body"),
    "no body": (CREATE, lambda one: one.update(request_body=None), "body"),
}
BROKEN_ANSWERS: dict[str, tuple[str, Change, str]] = {
    "a wrong type": ("VirtualMachines_Get", lambda one: one["response_body"].update(location=5), "location"),
    "an unknown field": (
        "VirtualMachines_ListAll",
        lambda one: one["response_body"]["value"][0]["properties"].update(bogus=1),
        "value.0.properties",
    ),
    "a secret": (
        "VirtualMachines_Get",
        lambda one: one["response_body"]["properties"]["osProfile"].update(adminPassword="x"),
        "properties.osProfile",
    ),
    "a missing field": ("MetricsBatch_Batch", lambda one: one["response_body"]["values"][0].pop("value"), "value"),
    "what the enum does not have": (
        "VirtualMachines_Get",
        lambda one: one["response_body"]["properties"]["storageProfile"]["osDisk"].update(osType="linux"),
        "properties.storageProfile.osDisk.osType",
    ),
    "a status": ("VirtualMachines_Start", lambda one: one.update(status=204), "status"),
    "no way to follow": (
        "VirtualMachines_Start",
        lambda one: one.update(response_headers={"Retry-After": "1"}),
        "headers",
    ),
    "a time that is none": (
        "VirtualMachines_Get",
        lambda one: one["response_body"]["properties"].update(timeCreated="yesterday"),
        "timeCreated",
    ),
    "a throttle without a time": (
        "VirtualMachines_Get",
        lambda one: one.update(status=429, response_body={"error": {"code": "TooManyRequests", "message": "."}}),
        "Retry-After",
    ),
    "an error without a code": (
        "Disks_List",
        lambda one: one.update(status=403, response_body={"error": {"message": "no"}}),
        "error",
    ),
    "a poll without a state": ("Poll_operations", lambda one: one["response_body"].pop("status"), "status"),
}


@pytest.mark.parametrize("what", BROKEN_REQUESTS)
def test_a_request_with_one_change_does_not(judge: Azure, exchanges: list[Exchange], what: str) -> None:
    operation, change, field = BROKEN_REQUESTS[what]
    _fails(judge, exchanges, operation, change, field, "path" if what == "an unknown path" else "request")


@pytest.mark.parametrize("what", BROKEN_ANSWERS)
def test_an_answer_with_one_change_does_not(judge: Azure, exchanges: list[Exchange], what: str) -> None:
    operation, change, field = BROKEN_ANSWERS[what]
    _fails(judge, exchanges, operation, change, field, "answer")


def _fails(judge: Azure, exchanges: list[Exchange], operation: str, change: Change, field: str, side: str) -> None:
    exchange = _one(judge, exchanges, operation)
    assert judge.judge(exchange).breaches == []
    change(exchange)
    breaches = judge.judge(exchange).breaches
    assert len(breaches) == 1
    assert breaches[0].startswith(side)
    assert field in breaches[0]
