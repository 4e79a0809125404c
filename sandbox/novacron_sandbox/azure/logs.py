"""Log Analytics: what an agent inside each machine would have written about its memory, and what is asked of it.

Of the query language it knows `Perf | where ... and ... | take N | summarize NAME = avg(COLUMN) by COLUMN, NAME =
bin(COLUMN, Ns)`, where a condition is ==, >= or < with a text or datetime(), or in~ with texts.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from novacron_sandbox.azure import machines
from novacron_sandbox.azure.errors import ArmError, body_of
from novacron_sandbox.azure.resources import Resources, iso
from novacron_sandbox.samples import Read, Samples, memory_used
from novacron_sandbox.wire import Answer, Request

Row = dict[str, Any]
Test = Callable[[Row], bool]

_COLUMNS = {
    "TimeGenerated": "datetime",
    "Computer": "string",
    "_ResourceId": "string",
    "ObjectName": "string",
    "InstanceName": "string",
    "CounterName": "string",
    "CounterValue": "real",
}
_COUNTERS: Mapping[str, Read] = {
    "% Used Memory": lambda machine, time: 100.0 * memory_used(machine, time) / machine.memory,
    "Available MBytes Memory": lambda machine, time: (machine.memory - memory_used(machine, time)) / 2**20,
}
# Without a time in the query, as much is looked at.
_USUAL = 3600.0

_SINCE = re.compile(r"TimeGenerated >= (datetime\([^)]*\))")
_IN = re.compile(r"(\w+) in~ \((.*)\)", re.DOTALL)
_COMPARED = re.compile(r"(\w+) (==|>=|<) (.+)")
_AVERAGES = re.compile(r"(\w+) = avg\((\w+)\) by (\w+), (\w+) = bin\((\w+), (\d+)s\)")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda found, wanted: found == wanted,
    ">=": lambda found, wanted: found >= wanted,
    "<": lambda found, wanted: found < wanted,
}


class Logs:
    """The workspace that all machines write to, once a period of the metrics and as late."""

    def __init__(self, resources: Resources, samples: Samples) -> None:
        self._resources, self._samples = resources, samples

    def query(self, request: Request, names: dict[str, str]) -> Answer:
        """Answer a query. Raises ArmError BadArgumentError for what is no query that the sandbox understands."""
        text = str(body_of(request).get("query", ""))
        table, *stages = (stage.strip() for stage in text.split("|"))
        if table != "Perf":
            raise _trouble(f"Failed to resolve table expression named '{table}'")
        now, since = self._samples.clock.now(), _SINCE.search(text)
        rows = list(self._rows(_value(since[1]) if since else now - _USUAL, now))
        columns: Mapping[str, str] = _COLUMNS
        for stage in stages:
            operator, _, rest = stage.partition(" ")
            match operator:
                case "where":
                    tests = [_test(condition, columns) for condition in re.split(r"\s+and\s+", rest)]
                    rows = [row for row in rows if all(test(row) for test in tests)]
                case "summarize":
                    rows, columns = _averages(rest, rows)
                case "take" if rest.isdigit():
                    rows = rows[: int(rest)]
                case _:
                    raise _trouble(f"The sandbox does not understand '{stage}'.")
        answer = {
            "name": "PrimaryResult",
            "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
            "rows": [[iso(row[c]) if kind == "datetime" else row[c] for c, kind in columns.items()] for row in rows],
        }
        return Answer(200, {"tables": [answer]})

    def _rows(self, start: float, end: float) -> Iterator[Row]:
        for machine in self._resources.of(machines.KIND):
            about = {
                "Computer": machine.properties.get("osProfile", {}).get("computerName", machine.name),
                "_ResourceId": machine.key,
                "ObjectName": "Memory",
                "InstanceName": "Memory",
            }
            seen = machines.seen_by_metrics(machine)
            for begin in self._samples.begins(machine.life, ("running",), start, end):
                for counter, read in _COUNTERS.items():
                    value = self._samples.read(read, seen, begin, counted=False)
                    yield {**about, "TimeGenerated": float(begin), "CounterName": counter, "CounterValue": value}


def _test(condition: str, columns: Mapping[str, str]) -> Test:
    condition = condition.strip()
    found = _IN.fullmatch(condition) or _COMPARED.fullmatch(condition)
    if found is None:
        raise _trouble(f"The sandbox does not understand the condition '{condition}'.")
    column = found[1]
    if column not in columns:
        raise _trouble(f"'where' operator: Failed to resolve column or scalar expression named '{column}'")
    if found.re is _IN:
        texts = {text.lower() for text in re.findall(r'"([^"]*)"', found[2])}
        return lambda row: str(row[column]).lower() in texts
    compare, wanted = _COMPARISONS[found[2]], _value(found[3])
    return lambda row: compare(row[column], wanted)


def _averages(text: str, rows: list[Row]) -> tuple[list[Row], dict[str, str]]:
    found = _AVERAGES.fullmatch(text)
    if found is None or not {found[2], found[3], found[5]} <= set(_COLUMNS):
        raise _trouble(f"The sandbox does not understand 'summarize {text}'.")
    name, averaged, key, bin_name, binned, seconds = found.groups()
    groups: dict[tuple[Any, float], list[float]] = {}
    for row in rows:
        groups.setdefault((row[key], row[binned] // int(seconds) * int(seconds)), []).append(row[averaged])
    result = [
        {key: one, bin_name: begin, name: math.fsum(values) / len(values)} for (one, begin), values in groups.items()
    ]
    return result, {key: _COLUMNS[key], bin_name: _COLUMNS[binned], name: "real"}


def _value(text: str) -> Any:
    """A text in quotes, or a time."""
    if found := re.fullmatch(r'"([^"]*)"', text):
        return found[1]
    try:
        moment = datetime.fromisoformat(text.removeprefix("datetime(").removesuffix(")").replace("Z", "+00:00"))
    except ValueError:
        raise _trouble(f"The sandbox does not understand the value '{text}'.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _trouble(message: str) -> ArmError:
    return ArmError("BadArgumentError", message)
