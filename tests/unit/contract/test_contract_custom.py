"""What is checked of points that clients write, whatever the cloud."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import metrics_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_client import CloudError as Told
from novacron_client.follow import duration
from novacron_providers.contract.call import Call
from novacron_providers.contract.custom import CustomMetrics, CustomPoint
from novacron_providers.contract.errors import CloudError, InvalidArgument, QuotaExceeded
from novacron_providers.contract.metrics import SeriesKey

from tests.clock import ManualClock

NOW = 1_800_000_000
NAME = "providers/toy/instances/a~b"


class Store(CustomMetrics):
    max_age = 600.0

    def __init__(self, *, refuses: Sequence[int] = (), needs_resource: bool = False) -> None:
        self.sent: list[CustomPoint] = []
        self._refuses = refuses
        self.wants = needs_resource

    @property
    def needs_resource(self) -> bool:  # type: ignore[override]  # chosen by each test
        return self.wants

    def check_resource(self, name: str) -> None:
        if "~" not in name:
            raise InvalidArgument("a name has a ~", field="name")

    async def send(self, points: Sequence[CustomPoint], call: Call) -> Mapping[int, CloudError]:
        self.sent += points
        return {point.place: QuotaExceeded("too many") for point in points if point.place in self._refuses}


def point(**changes: Any) -> metrics_pb2.MetricPoint:
    whole = {"metric": "custom.app.queue", "resource": NAME, "value": 1.0, "time": Timestamp(seconds=NOW)}
    return metrics_pb2.MetricPoint(**{**whole, **changes})


async def write(store: Store, *points: metrics_pb2.MetricPoint, **more: Any) -> pb.WriteMetricsResponse:
    request = pb.WriteMetricsRequest(parent="providers/toy", points=points, **more)
    return await store.write_metrics(request, Call(clock=ManualClock(NOW)))


async def test_what_is_sent_is_the_point() -> None:
    store = Store()
    answer = await write(store, point(attributes={"b": "2", "a": "1"}, unit="s", period=duration(30)))
    assert answer == pb.WriteMetricsResponse(written=1)
    key = SeriesKey("custom.app.queue", NAME, (("a", "1"), ("b", "2")))
    assert store.sent == [CustomPoint(0, key, NOW, 30.0, 1.0, "s")]
    assert store.sent[0].begin == NOW - 30


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("metric", {"metric": "cloud.app.queue"}),
        ("metric", {"metric": "custom."}),
        ("metric", {"metric": "custom.App"}),
        ("metric", {"metric": "custom.a" + "b" * 200}),
        ("resource", {"resource": "providers/other/instances/a~b"}),
        ("resource", {"resource": "providers/toy/instances/ab"}),
        ("attributes", {"attributes": {f"k{i}": "v" for i in range(11)}}),
        ("attributes", {"attributes": {"Key": "v"}}),
        ("attributes", {"attributes": {"key": ""}}),
        ("attributes", {"attributes": {"key": "   "}}),
        ("attributes", {"attributes": {"key": "ü"}}),
        ("attributes", {"attributes": {"key": "v" * 257}}),
        ("unit", {"unit": "s" * 64}),
        ("value", {"value": math.nan}),
        ("value", {"value": -math.inf}),
        ("time", {"time": None}),
        ("time", {"time": Timestamp(seconds=NOW + 241)}),
        ("time", {"time": Timestamp(seconds=NOW - 601)}),
        ("period", {"period": duration(0)}),
    ],
)
async def test_what_no_cloud_takes_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    store = Store()
    answer = await write(store, point(), point(**changes))
    assert (answer.written, [one.index for one in answer.rejected]) == (1, [1])
    assert [violation.field for violation in Told(answer.rejected[0].status).fields] == [f"points[1].{field}"]
    assert [sent.place for sent in store.sent] == [0]


async def test_the_limits_themselves_are_taken() -> None:
    store = Store()
    answer = await write(
        store,
        point(resource=""),
        point(time=Timestamp(seconds=NOW + 240)),
        point(time=Timestamp(seconds=NOW - 600), attributes={f"k{i}": "v" * 256 for i in range(10)}),
    )
    assert answer == pb.WriteMetricsResponse(written=3)


async def test_a_series_has_one_value_of_a_time() -> None:
    answer = await write(Store(), point(), point(value=2.0), point(attributes={"a": "1"}))
    assert (answer.written, [one.index for one in answer.rejected]) == (2, [1])


async def test_a_cloud_that_keeps_nothing_without_a_machine_says_so() -> None:
    answer = await write(Store(needs_resource=True), point(resource=""), point())
    assert Told(answer.rejected[0].status).fields[0].field == "points[0].resource"


async def test_what_the_cloud_refuses_is_told_beside_what_was_wrong_before() -> None:
    answer = await write(Store(refuses=[2]), point(value=math.nan), point(), point(attributes={"a": "1"}))
    assert answer.written == 1
    assert [(one.index, Told(one.status).reason) for one in answer.rejected] == [
        (0, "FIELD_INVALID"),
        (2, "QUOTA_EXCEEDED"),
    ]


async def test_when_nothing_was_taken_the_first_points_error_is_raised() -> None:
    with pytest.raises(QuotaExceeded):
        await write(Store(refuses=[0, 1]), point(), point(attributes={"a": "1"}))


async def test_validate_only_sends_nothing_and_tells_the_same() -> None:
    store = Store()
    answer = await write(store, point(), point(value=math.nan), validate_only=True)
    assert (answer.written, [one.index for one in answer.rejected], store.sent) == (0, [1], [])


async def test_a_thousand_points_are_the_limit() -> None:
    points = [point(attributes={"n": str(n)}) for n in range(1001)]
    assert (await write(Store(), *points[:1000])).written == 1000
    with pytest.raises(InvalidArgument) as caught:
        await write(Store(), *points)
    assert caught.value.violations[0].field == "points"
