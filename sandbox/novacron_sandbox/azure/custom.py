"""Custom metrics of machines: what callers write, as parts of a minute."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.resources import Resources
from novacron_sandbox.clock import Clock
from novacron_sandbox.custom import CustomMetrics, Series
from novacron_sandbox.wire import Answer, Request

# Seconds before and after now that a document may be of.
_PAST, _FUTURE = 1200.0, 300.0
_MAX_DIMENSIONS = 10


class CustomStore(CustomMetrics):
    """POST {resource}/metrics: documents as JSON, a line each."""

    def __init__(self, resources: Resources, clock: Clock) -> None:
        super().__init__()
        self._resources, self._clock = resources, clock

    def write(self, request: Request, names: dict[str, str]) -> Answer:
        """Take documents in. Raises ArmError for what Azure Monitor refuses, and keeps nothing then."""
        id_ = request.path.removesuffix("/metrics").lower()
        if self._resources.get(id_) is None:
            raise ArmError("ResourceNotFound", f"The resource {id_} was not found.", 404)
        try:
            documents = [json.loads(line) for line in request.body.splitlines()]
            found = [value for document in documents for value in self._read(id_, document)]
        except (KeyError, TypeError, ValueError) as error:
            raise ArmError("BadRequest", f"The document cannot be read: {error!r}.") from None
        for value in found:
            self.add(*value)
        return Answer(200)

    def _read(self, id_: str, document: Mapping[str, Any]) -> list[tuple[Series, float, float]]:
        data, time = document["data"]["baseData"], datetime.fromisoformat(document["time"]).timestamp()
        now, names = self._clock.now(), data["dimNames"]
        if not now - _PAST <= time <= now + _FUTURE:
            raise ArmError("BadRequest", "The time must be within 20 minutes in the past and 5 minutes in the future.")
        if len(names) > _MAX_DIMENSIONS:
            raise ArmError("BadRequest", f"There are more than {_MAX_DIMENSIONS} dimensions.")
        if any(one["count"] != 1 for one in data["series"]):
            raise ArmError("BadRequest", "The sandbox takes values one by one: count is 1.")
        metric = f"{data['namespace']}/{data['metric']}"
        return [
            (Series(id_, metric, tuple(sorted(zip(names, one["dimValues"], strict=True)))), time, float(one["sum"]))
            for one in data["series"]
        ]
