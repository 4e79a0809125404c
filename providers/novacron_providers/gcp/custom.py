"""Metrics that clients write, into Cloud Monitoring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from novacron_providers.contract.call import Call
from novacron_providers.contract.custom import CustomMetrics, CustomPoint
from novacron_providers.contract.errors import CloudError, NotFound
from novacron_providers.contract.metrics import SeriesKey
from novacron_providers.gcp.client import Client
from novacron_providers.gcp.fleet import Place
from novacron_providers.kit.concurrent import each
from novacron_providers.kit.failures import short

PREFIX = "custom.googleapis.com/"
# Most series of one CreateTimeSeries, which takes one point of each.
BATCH = 200
# "...: Points must be written in order. ...: timeSeries[0-16,25]; Unknown metric: x: timeSeries[17]"
_TOLD = re.compile(r"([^;]*?):?\s*timeSeries\[([\d,\s-]+)\]", re.DOTALL)


class CustomMonitoring(CustomMetrics):
    """What clients write into one project: "custom.app.queue" is custom.googleapis.com/app/queue, a gauge.

    A point of an instance is of the resource gce_instance, any other of global. Each point of a series has to be newer
    than the one before, by five seconds.
    """

    max_age = 86400.0

    def __init__(self, client: Client) -> None:
        self._client = client

    def check_resource(self, name: str) -> None:
        Place.of(name)

    async def send(self, points: Sequence[CustomPoint], call: Call) -> Mapping[int, CloudError]:
        refused: dict[int, CloudError] = {}
        resources: dict[str, dict[str, Any]] = {}

        async def look_up(name: str) -> None:
            try:
                resources[name] = await self._resource(name, call)
            except CloudError as error:
                refused.update(dict.fromkeys((point.place for point in points if point.key.resource == name), error))

        async def write(batch: Sequence[CustomPoint]) -> None:
            try:
                await self._client.write_series(
                    [_series(point, resources[point.key.resource]) for point in batch], call
                )
            except CloudError as error:
                for place, told in refused_series(error, len(batch)):
                    refused[batch[place].place] = told

        await each(sorted({point.key.resource for point in points}), look_up)
        for turn in turns([point for point in points if point.key.resource in resources]):
            await each([turn[start : start + BATCH] for start in range(0, len(turn), BATCH)], write)
        return refused

    async def _resource(self, name: str, call: Call) -> dict[str, Any]:
        """What Monitoring calls an instance, whose number it wants, or what belongs to none."""
        if not name:
            return {"type": "global", "labels": {"project_id": self._client.project}}
        place = Place.of(name)
        path = f"zones/{place.zone}/instances/{place.machine}"
        try:
            found = await self._client.read("instances.get", path, call, {"fields": "id"}, region=place.region)
        except NotFound as error:
            raise place.missing(error.facts) from error
        labels = {"project_id": self._client.project, "zone": place.zone, "instance_id": str(found["id"])}
        return {"type": "gce_instance", "labels": labels}


def turns(points: Sequence[CustomPoint]) -> list[list[CustomPoint]]:
    """Lists with one point of each series, in the order of time: one call cannot hold two of them."""
    found: list[list[CustomPoint]] = []
    sent: dict[SeriesKey, int] = {}
    for point in sorted(points, key=lambda p: p.time):
        turn = sent[point.key] = sent.get(point.key, -1) + 1
        if turn == len(found):
            found.append([])
        found[turn].append(point)
    return found


def _series(point: CustomPoint, resource: Mapping[str, Any]) -> dict[str, Any]:
    seconds, nanos = divmod(round(point.time * 1e9), 10**9)
    return {
        "metric": {
            "type": PREFIX + point.key.metric.removeprefix("custom.").replace(".", "/"),
            "labels": dict(point.key.attributes),
        },
        "resource": resource,
        "metric_kind": "GAUGE",
        "value_type": "DOUBLE",
        "unit": point.unit,
        # A gauge's interval is its end.
        "points": [
            {
                "interval": {"end_time": {"seconds": seconds, "nanos": nanos}},
                "value": {"double_value": point.value},
            }
        ],
    }


def refused_series(error: CloudError, count: int) -> Iterator[tuple[int, CloudError]]:
    """Which of the `count` series of a call were refused, and why; all of them where Google does not say."""
    told = _TOLD.findall(str(getattr(error.__cause__, "message", "")))
    if not told:
        yield from ((place, error) for place in range(count))
    for text, places in told:
        one = type(error)(
            f"Google does not take the point: {short(text.rpartition('could not be written:')[2])}", facts=error.facts
        )
        for part in places.split(","):
            first, _, last = part.strip().partition("-")
            yield from ((place, one) for place in range(int(first), int(last or first) + 1) if place < count)
