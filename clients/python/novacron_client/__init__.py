"""Async client of NovaCron Cloud: typed calls, operations to wait for, metrics that stream.

    async with novacron_client.connect("127.0.0.1:7443") as client:
        operation = await client.start(CreateInstanceRequest(parent="providers/aws", spec=spec))
        instance = await operation.wait(progress=print)
        async with client.stream_metrics("providers/aws") as stream:
            async for update in stream:
                for key, time, value in update.rows(): ...

Requests and answers are the messages of novacron.cloud.v1; errors are CloudError. Needs grpcio and protobuf only.
"""

from novacron_client.client import Client, connect
from novacron_client.errors import CloudError, OperationFailed, Unreachable, Violation
from novacron_client.listing import Listing
from novacron_client.metrics import Columns, MetricStream, MetricUpdate
from novacron_client.operation import Operation, OperationStream
from novacron_client.resources import ResourceStream, ResourceUpdate
from novacron_client.retry import Backoff
from novacron_client.series import Row, Sample, SeriesKey, SeriesTable
from novacron_client.stream import Stream

__all__ = [
    "Backoff",
    "Client",
    "CloudError",
    "Columns",
    "Listing",
    "MetricStream",
    "MetricUpdate",
    "Operation",
    "OperationFailed",
    "OperationStream",
    "ResourceStream",
    "ResourceUpdate",
    "Row",
    "Sample",
    "SeriesKey",
    "SeriesTable",
    "Stream",
    "Unreachable",
    "Violation",
    "connect",
]
