"""Metrics that clients write, into Azure Monitor's custom metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from novacron_providers.azure.client import Client
from novacron_providers.azure.fleet import Place
from novacron_providers.contract.call import Call
from novacron_providers.contract.custom import CustomMetrics, CustomPoint
from novacron_providers.contract.errors import CloudError, NotFound
from novacron_providers.kit.batches import batches
from novacron_providers.kit.concurrent import each

NAMESPACE = "NovaCron"
# Most documents of one call, and most bytes of them: Azure takes 4 MB.
BATCH, ROOM = 1000, 3_900_000


class CustomMonitor(CustomMetrics):
    """What clients write about the machines of one subscription: namespace "NovaCron", the metric's type as its name.

    Azure Monitor keeps what it is sent as part of a minute: a second value of one series and time counts in sums and
    averages beside the first, also one of a call that was sent again because its answer was lost. A call holds the
    points of one machine, and is made in its region.
    """

    max_age = 20 * 60.0
    needs_resource = True

    def __init__(self, client: Client) -> None:
        self._client = client

    def check_resource(self, name: str) -> None:
        Place.of(name)

    async def send(self, points: Sequence[CustomPoint], call: Call) -> Mapping[int, CloudError]:
        machines: dict[str, list[CustomPoint]] = {}
        for point in points:
            machines.setdefault(point.key.resource, []).append(point)
        refused: dict[int, CloudError] = {}

        async def write(machine: tuple[str, list[CustomPoint]]) -> None:
            name, left = machine
            try:
                region = await self._region(Place.of(name), call)
                for batch in batches(list(left), most=BATCH, size=_size, room=ROOM):
                    documents = [_document(point) for point in batch]
                    id_ = Place.of(name).native_id(self._client.subscription)
                    await self._client.write_metrics(region, id_, documents, call)
                    left = left[len(batch) :]
            except CloudError as error:
                refused.update(dict.fromkeys((point.place for point in left), error))

        await each(machines.items(), write)
        return refused

    async def _region(self, place: Place, call: Call) -> str:
        try:
            answer = await self._client.compute("virtual_machines.get", call, place.group, place.machine)
        except NotFound as error:
            raise place.missing(error.facts) from error
        return str(answer.body["location"])


def _document(point: CustomPoint) -> dict[str, Any]:
    value = point.value
    series = {
        "dimValues": [text for _, text in point.key.attributes],
        "min": value,
        "max": value,
        "sum": value,
        "count": 1,
    }
    return {
        # Azure dates a period by its beginning.
        "time": datetime.fromtimestamp(point.begin, UTC).isoformat(),
        "data": {
            "baseData": {
                "metric": point.key.metric,
                "namespace": NAMESPACE,
                "dimNames": [key for key, _ in point.key.attributes],
                "series": [series],
            }
        },
    }


def _size(point: CustomPoint) -> int:
    return len(json.dumps(_document(point))) + 1
