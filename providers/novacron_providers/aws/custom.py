"""Metrics that clients write, into CloudWatch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from novacron_providers.aws.client import Client
from novacron_providers.aws.fleet import Place
from novacron_providers.contract.call import Call
from novacron_providers.contract.custom import CustomMetrics, CustomPoint
from novacron_providers.contract.errors import CloudError
from novacron_providers.kit.batches import batches
from novacron_providers.kit.concurrent import each

NAMESPACE = "NovaCron"
# Most data of one PutMetricData, and most bytes of them (it takes 1 MB, of which the frame has its part).
BATCH, ROOM = 1000, 900_000
# CloudWatch's words for UCUM units; it has no others, and keeps what has none as "None".
UNITS: Mapping[str, str] = {
    "%": "Percent",
    "By": "Bytes",
    "By/s": "Bytes/Second",
    "KBy": "Kilobytes",
    "MBy": "Megabytes",
    "GBy": "Gigabytes",
    "bit": "Bits",
    "bit/s": "Bits/Second",
    "s": "Seconds",
    "ms": "Milliseconds",
    "us": "Microseconds",
}
# What ends in this is a count: "{request}", "{request}/s".
_COUNT, _COUNT_PER_SECOND = "}", "}/s"


class CustomCloudWatch(CustomMetrics):
    """What clients write into one AWS account: namespace "NovaCron", the metric's type as its name.

    A point without an instance goes into the home region. CloudWatch keeps every value that it is sent: a second one of
    one series and time counts in sums and averages beside the first, also one of a call that was sent again because its
    answer was lost.
    """

    max_age = 14 * 86400.0

    def __init__(self, client: Client) -> None:
        self._client = client

    def check_resource(self, name: str) -> None:
        Place.of(name)

    async def send(self, points: Sequence[CustomPoint], call: Call) -> Mapping[int, CloudError]:
        regions: dict[str, list[CustomPoint]] = {}
        for point in points:
            region = Place.of(point.key.resource).region if point.key.resource else self._client.home
            regions.setdefault(region, []).append(point)
        refused: dict[int, CloudError] = {}

        async def put(part: tuple[str, list[CustomPoint]]) -> None:
            region, batch = part
            data = {"Namespace": NAMESPACE, "MetricData": [_datum(point) for point in batch]}
            try:
                await self._client.call("cloudwatch.PutMetricData", region, call, data, mutates=True)
            except CloudError as error:
                refused.update(dict.fromkeys((point.place for point in batch), error))

        await each(
            (
                (region, batch)
                for region, here in regions.items()
                for batch in batches(here, most=BATCH, size=_size, room=ROOM)
            ),
            put,
        )
        return refused


def _datum(point: CustomPoint) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in point.key.attributes]
    if point.key.resource:
        dimensions.insert(0, {"Name": "InstanceId", "Value": Place.of(point.key.resource).native_id})
    return {
        "MetricName": point.key.metric,
        "Dimensions": dimensions,
        # CloudWatch dates a period by its beginning.
        "Timestamp": point.begin,
        "Value": point.value,
        "Unit": unit_of(point.unit),
        # What is more often than once a minute is lost in the average of a minute otherwise.
        "StorageResolution": 1 if 0 < point.period < 60 else 60,
    }


def unit_of(unit: str) -> str:
    if unit.endswith(_COUNT):
        return "Count"
    return "Count/Second" if unit.endswith(_COUNT_PER_SECOND) else UNITS.get(unit, "None")


def _size(point: CustomPoint) -> int:
    return len(json.dumps(_datum(point)))
