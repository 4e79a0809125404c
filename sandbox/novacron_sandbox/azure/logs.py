"""Log Analytics: what an agent inside each machine would have written about its memory."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from novacron_sandbox import world
from novacron_sandbox.azure import machines
from novacron_sandbox.azure.arm import Arm
from novacron_sandbox.azure.kql import Query, Row, trouble
from novacron_sandbox.azure.metrics import Metrics, memory_available
from novacron_sandbox.azure.operations import iso
from novacron_sandbox.azure.resources import Resource
from novacron_sandbox.azure.wire import Answer, Request

_MIB = 2.0**20
_ALONE = re.compile(r"PT?(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
# Without a time in the query, as much is looked at.
_USUAL = 3600.0
_ROWS = 500_000

Counter = tuple[str, Callable[[Resource, float], float]]

_COMMON = {"TimeGenerated": "datetime", "Computer": "string", "_ResourceId": "string"}
_TABLES: dict[str, tuple[dict[str, str], dict[str, str], str, str, tuple[Counter, ...]]] = {
    # Table: columns, what is the same in each row, column of the name, column of the value, counters.
    "Perf": (
        {**_COMMON, "ObjectName": "string", "InstanceName": "string", "CounterName": "string", "CounterValue": "real"},
        {"ObjectName": "Memory", "InstanceName": "Memory"},
        "CounterName",
        "CounterValue",
        (
            ("% Used Memory", lambda machine, time: 100.0 * _used(machine, time)),
            ("Available MBytes Memory", lambda machine, time: memory_available(machine, time) / _MIB),
            ("Used Memory MBytes", lambda machine, time: _total(machine) * _used(machine, time) / _MIB),
        ),
    ),
    "InsightsMetrics": (
        {**_COMMON, "Origin": "string", "Namespace": "string", "Name": "string", "Val": "real", "Tags": "string"},
        {"Origin": "vm.azm.ms", "Namespace": "Memory"},
        "Name",
        "Val",
        (("AvailableMB", lambda machine, time: memory_available(machine, time) / _MIB),),
    ),
}


class Logs:
    """The workspace that all machines write to, once a period of the metrics and as late."""

    def __init__(self, arm: Arm, metrics: Metrics) -> None:
        self._arm, self._metrics = arm, metrics

    def query(self, request: Request, names: dict[str, str]) -> Answer:
        """Answer a query. Raises ArmError BadArgumentError for what is no query that the sandbox understands."""
        asked, now = request.object, self._arm.clock.now()
        query = Query(str(asked.get("query", "")), now)
        if query.table not in _TABLES:
            raise trouble(f"Failed to resolve table expression named '{query.table}'")
        start, end = _span(asked.get("timespan"), now)
        since = query.since()
        if start is None:
            start = now - _USUAL if since is None else since
        elif since is not None:
            start = max(start, since)
        rows, columns = query.run(self._rows(query.table, start, end), _TABLES[query.table][0])
        table = {
            "name": "PrimaryResult",
            "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
            "rows": [[_cell(row.get(name), kind) for name, kind in columns.items()] for row in rows],
        }
        return Answer(200, {"tables": [table]})

    def _rows(self, table: str, start: float, end: float) -> list[Row]:
        _, same, name_column, value_column, counters = _TABLES[table]
        rows: list[Row] = []
        for machine in self._arm.resources.of(machines.KIND):
            for sample in self._metrics.samples(machine, start, end):
                for name, read in counters:
                    row = {
                        "TimeGenerated": float(sample),
                        "Computer": machine.properties.get("osProfile", {}).get("computerName", machine.name),
                        "_ResourceId": machine.key,
                        **same,
                        name_column: name,
                        value_column: read(machine, sample + self._metrics.period / 2),
                    }
                    if table == "InsightsMetrics":
                        row["Tags"] = f'{{"vm.azm.ms/memorySizeMB":{_total(machine) / _MIB:.0f}}}'
                    rows.append(row)
            if len(rows) > _ROWS:
                raise trouble("The query is over too much: give it less time.")
        return rows


def _used(machine: Resource, time: float) -> float:
    return world.memory(machines.workload_of(machine), time)


def _total(machine: Resource) -> float:
    return machines.size_of(machine).memory * 2.0**30


def _span(text: object, now: float) -> tuple[float | None, float]:
    """Read a timespan: start/end, start/duration, or a duration that ends now."""
    if not text:
        return None, now
    first, _, second = str(text).partition("/")
    try:
        if not second:
            return now - _length(first), now
        if first.startswith("P"):
            end = datetime.fromisoformat(second.replace("Z", "+00:00")).replace(tzinfo=UTC).timestamp()
            return end - _length(first), end
        start = datetime.fromisoformat(first.replace("Z", "+00:00")).astimezone(UTC).timestamp()
        if second.startswith("P"):
            return start, start + _length(second)
        return start, datetime.fromisoformat(second.replace("Z", "+00:00")).astimezone(UTC).timestamp()
    except ValueError:
        raise trouble(f"{text!r} is not a timespan.") from None


def _length(text: str) -> float:
    found = _ALONE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _cell(value: Any, kind: str) -> Any:
    return iso(value) if kind == "datetime" else value
