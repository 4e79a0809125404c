"""Metrics from CloudWatch, on the wire."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2, metrics_pb2, provider_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_providers.aws import PROVIDER
from novacron_providers.aws.metrics import BATCH, SOURCES
from novacron_providers.contract import Call, Secret, Settings
from novacron_providers.contract.errors import InvalidArgument, Unavailable
from novacron_providers.contract.metrics import Metrics, Points, Window
from novacron_providers.contract.provider import Connection

from tests.unit.providers.skipping_clock import SkippingClock
from tests.unit.providers.stub_aws import Answer, StubAws, stub_aws

START = 1_700_000_100.0
WINDOW = Window(START, START + 900, 300)
CPU, SENT = "cloud.instance.cpu.utilization", "cloud.instance.network.transmit_bytes"


def connect(endpoint: str = "http://127.0.0.1:1") -> tuple[Connection, Metrics]:
    auth = {"access_key_id": Secret("AKIA"), "secret_access_key": Secret("s")}
    config = provider_pb2.ProviderConfig(endpoint=endpoint, regions=["us-east-1"])
    connection = PROVIDER.connect(Settings(provider="aws", config=config, auth=auth, clock=SkippingClock()))
    (metrics,) = [area for area in connection.areas if isinstance(area, Metrics)]
    return connection, metrics


def fleet(count: int, region: str = "us-east-1", first: int = 0) -> list[compute_pb2.Instance]:
    ids = [f"i-{number:08x}" for number in range(first, first + count)]
    return [
        compute_pb2.Instance(name=f"providers/aws/instances/{region}~{id}", native_id=id, region=region) for id in ids
    ]


def results(*found: Mapping[str, Any], token: str = "") -> Answer:
    body = {"MetricDataResults": [{"StatusCode": "Complete", **one} for one in found], "Messages": []}
    return Answer(json.dumps({**body, **({"NextToken": token} if token else {})}))


async def collect(
    answer: Answer,
    *more: Answer,
    instances: list[compute_pb2.Instance] | None = None,
    metrics: tuple[str, ...] = (CPU,),
) -> tuple[list[Points], StubAws]:
    with stub_aws(answer, *more) as stub:
        connection, area = connect(stub.endpoint)
        try:
            return list(await area.collect("us-east-1", instances or fleet(1), metrics, WINDOW, Call())), stub
        finally:
            await connection.close()


def asked(stub: StubAws) -> list[dict[str, Any]]:
    return [json.loads(request["json"]) for request in stub.requests]


async def test_a_query_names_metric_instance_period_and_window() -> None:
    _, stub = await collect(results(), metrics=(CPU, SENT))
    (request,) = asked(stub)
    assert (request["StartTime"], request["EndTime"]) == (START, START + 900)
    cpu, sent = request["MetricDataQueries"]
    assert cpu["MetricStat"] == {
        "Metric": {
            "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-00000000"}],
        },
        "Period": 300,
        "Stat": "Average",
    }
    assert (sent["MetricStat"]["Metric"]["MetricName"], sent["MetricStat"]["Stat"]) == ("NetworkOut", "Sum")
    assert cpu["Id"] != sent["Id"]


async def test_values_are_canonical_and_dated_by_the_end_of_their_period() -> None:
    newest_first = [START + 600, START]
    found, _ = await collect(
        results(
            {"Id": "m0", "Timestamps": newest_first, "Values": [50.0, 25.0]},
            {"Id": "m1", "Timestamps": newest_first, "Values": [600.0, 0.0]},
        ),
        metrics=(CPU, SENT),
    )
    cpu, sent = found
    assert cpu.key == (CPU, "providers/aws/instances/us-east-1~i-00000000", ())
    assert (list(cpu.times), list(cpu.values)) == ([START + 300, START + 900], [0.25, 0.5])
    assert (sent.key.metric, list(sent.values)) == (SENT, [0.0, 2.0])


async def test_a_series_without_values_is_left_out() -> None:
    found, _ = await collect(
        results({"Id": "m0", "Timestamps": [], "Values": []}, {"Id": "m1", "Timestamps": [START], "Values": [1.0]}),
        instances=fleet(2),
    )
    assert [points.key.resource for points in found] == ["providers/aws/instances/us-east-1~i-00000001"]


async def test_pages_are_joined() -> None:
    found, stub = await collect(
        results({"Id": "m0", "Timestamps": [START + 300], "Values": [2.0], "StatusCode": "PartialData"}, token="t-1"),
        results({"Id": "m0", "Timestamps": [START], "Values": [1.0]}, token="t-2"),
        results({"Id": "m1", "Timestamps": [START], "Values": [3.0]}),
        instances=fleet(2),
    )
    assert [request.get("NextToken") for request in asked(stub)] == [None, "t-1", "t-2"]
    assert [list(points.values) for points in found] == [[0.01, 0.02], [0.03]]


async def test_queries_go_in_batches() -> None:
    _, stub = await collect(results(), instances=fleet(BATCH + 1))
    sizes = sorted(len(request["MetricDataQueries"]) for request in asked(stub))
    assert sizes == [1, BATCH]
    wanted = {q["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for r in asked(stub) for q in r["MetricDataQueries"]}
    assert len(wanted) == BATCH + 1


async def test_only_instances_of_the_region_are_asked_for() -> None:
    _, stub = await collect(results(), instances=[*fleet(1), *fleet(3, "eu-west-1", first=1)])
    (request,) = asked(stub)
    assert len(request["MetricDataQueries"]) == 1
    _, stub = await collect(results(), instances=fleet(3, "eu-west-1"))
    assert asked(stub) == []


async def test_a_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"cloud\.instance\.joy"):
        await collect(results(), metrics=("cloud.instance.joy",))


async def test_a_part_that_cloudwatch_could_not_read_is_an_error() -> None:
    with pytest.raises(Unavailable) as caught:
        await collect(results({"Id": "m0", "Timestamps": [], "Values": [], "StatusCode": "InternalError"}))
    assert caught.value.retry_after


async def list_descriptors(**fields: Any) -> pb.ListMetricDescriptorsResponse:
    connection, area = connect()
    try:
        return await area.list_metric_descriptors(
            pb.ListMetricDescriptorsRequest(parent="providers/aws", **fields), Call()
        )
    finally:
        await connection.close()


async def test_descriptors_are_paged_and_filtered() -> None:
    whole = await list_descriptors()
    assert [d.type for d in whole.metric_descriptors] == sorted(SOURCES)
    assert not whole.next_page_token and whole.HasField("observe_time")
    first = await list_descriptors(page_size=7)
    second = await list_descriptors(page_size=7, page_token=first.next_page_token)
    assert [*first.metric_descriptors, *second.metric_descriptors] == list(whole.metric_descriptors)
    deltas = await list_descriptors(filter='kind = "DELTA"')
    assert [d.type for d in deltas.metric_descriptors] == ["aws.ec2.cpu_credit_usage"]
    assert deltas.metric_descriptors[0].kind == metrics_pb2.METRIC_KIND_DELTA
