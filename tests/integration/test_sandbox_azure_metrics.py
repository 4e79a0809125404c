"""Azure Monitor and Log Analytics of the sandbox, through Microsoft's own libraries."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.monitor.query.aio import LogsQueryClient
from azure.monitor.querymetrics.aio import MetricsClient
from novacron_sandbox import Sandbox, world

from tests.unit.sandbox.microsoft import subscription

MACHINES = "Microsoft.Compute/virtualMachines"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("azure",)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox) -> list[str]:
    return sandbox.seed(51, cloud="azure")


@asynccontextmanager
async def _clients(sandbox: Sandbox) -> AsyncIterator[tuple[MetricsClient, LogsQueryClient]]:
    access = sandbox.azure
    options: dict[str, Any] = {"audience": access["endpoint"], "connection_verify": access["ca_file"], "retry_total": 0}
    async with (
        subscription(sandbox) as azure,
        MetricsClient(access["metrics_endpoint"], azure.credential, **options) as metrics,
        LogsQueryClient(azure.credential, endpoint=f"{access['logs_endpoint']}/v1", **options) as logs,
    ):
        yield metrics, logs


async def _asked(metrics: MetricsClient, machines: list[str], name: str, **changes: Any) -> Any:
    # Whole minutes, the newest of which is published by now: a minute and two more of lag.
    end = datetime.fromtimestamp(time.time() // 60 * 60 - 180, UTC)
    query = {"timespan": (end - 10 * MINUTE, end), "granularity": MINUTE, "aggregations": ["Average", "Total"]}
    return await metrics.query_resources(
        resource_ids=machines, metric_namespace=MACHINES, metric_names=[name], **{**query, **changes}
    )


async def test_a_batch_is_the_world_seen_by_the_minute(sandbox: Sandbox, fleet: list[str]) -> None:
    async with _clients(sandbox) as (metrics, _):
        results = await _asked(metrics, fleet[:50], "Percentage CPU")
        received = await _asked(metrics, fleet[:1], "Network In Total")
    assert len(results) == 50
    points = results[0].metrics[0].timeseries[0].data
    assert len(points) == 10
    for point, count in zip(points, received[0].metrics[0].timeseries[0].data, strict=True):
        # The first of a fleet is a Standard_B2s: two CPUs.
        is_like = world.activity(fleet[0].lower(), 2, point.timestamp.timestamp() + 30)
        assert point.average == pytest.approx(100 * is_like.cpu)
        assert count.total == pytest.approx(60 * is_like.received_bytes)


async def test_what_is_not_published_yet_has_no_value(sandbox: Sandbox, fleet: list[str]) -> None:
    now = datetime.now(UTC)
    async with _clients(sandbox) as (metrics, _):
        results = await _asked(metrics, fleet[:1], "Percentage CPU", timespan=(now - 5 * MINUTE, now))
    points = results[0].metrics[0].timeseries[0].data
    assert points[0].average is not None
    assert points[-1].average is None


async def test_longer_grains_are_made_of_minutes(sandbox: Sandbox, fleet: list[str]) -> None:
    end = datetime.fromtimestamp(time.time() // 300 * 300 - 300, UTC)
    span = {"timespan": (end - 5 * MINUTE, end)}
    async with _clients(sandbox) as (metrics, _):
        minutes = await _asked(metrics, fleet[:1], "Disk Read Bytes", **span)
        whole = await _asked(metrics, fleet[:1], "Disk Read Bytes", **span, granularity=5 * MINUTE)
    total = sum(point.total for point in minutes[0].metrics[0].timeseries[0].data)
    (point,) = whole[0].metrics[0].timeseries[0].data
    assert point.total == pytest.approx(total)


async def test_what_azure_monitor_refuses_is_refused(sandbox: Sandbox, fleet: list[str]) -> None:
    async with _clients(sandbox) as (metrics, _):
        for machines, name, changes, message in (
            (fleet, "Percentage CPU", {}, "50 is the limit"),
            (fleet[:1], "Percentage Luck", {}, "Failed to find metric"),
            (fleet[:1], "Percentage CPU", {"granularity": timedelta(seconds=1)}, "invalid time grain"),
            ([fleet[0] + "x"], "Percentage CPU", {}, "was not found"),
        ):
            with pytest.raises(HttpResponseError, match=message):
                await _asked(metrics, machines, name, **changes)


async def test_memory_is_what_the_agents_write(sandbox: Sandbox, fleet: list[str]) -> None:
    workspace = sandbox.azure["workspace_id"]
    end = datetime.fromtimestamp(time.time() // 60 * 60 - 180, UTC)
    query = f"""
Perf
| where TimeGenerated >= datetime({(end - 5 * MINUTE).isoformat()}) and TimeGenerated < datetime({end.isoformat()})
| where ObjectName == "Memory" and CounterName == "% Used Memory"
| where _ResourceId in~ ("{fleet[0]}", "{fleet[1]}")
| summarize value = avg(CounterValue) by _ResourceId, time = bin(TimeGenerated, 60s)
"""
    async with _clients(sandbox) as (_, logs):
        found: Any = await logs.query_workspace(workspace, query, timespan=None)
        rows = found.tables[0].rows
        assert {row["_ResourceId"] for row in rows} == {fleet[0].lower(), fleet[1].lower()}
        assert len(rows) == 10
        for row in rows:
            used = world.memory(row["_ResourceId"], row["time"].timestamp() + 30)
            assert row["value"] == pytest.approx(100 * used)
        for wrong in ("Perf | where Nothing == 1", "Nowhere | take 1", "Perf | dance"):
            with pytest.raises(HttpResponseError, match="BadArgumentError"):
                await logs.query_workspace(workspace, wrong, timespan=None)
