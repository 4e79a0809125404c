"""What both streams of operations have in common; streams.proto is the law."""

from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import operations_pb2, operations_service_pb2, streams_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import ShuttingDown

from novacron_server.streams import farewell

Event = operations_pb2.OperationEvent
R = TypeVar("R", operations_service_pb2.WatchOperationResponse, operations_service_pb2.WatchOperationsResponse)

# Bytes of one response.
RESPONSE_LIMIT = 1024 * 1024


def opened(epoch: str, resumed: bool, heartbeat: float) -> Event:
    """The first event."""
    start = streams_pb2.StreamOpened(epoch=epoch, resumed=resumed, heartbeat_interval=_duration(heartbeat))
    return Event(control=streams_pb2.StreamControl(opened=start))


def synced(sequence: int) -> Event:
    """The snapshot is complete, or the watcher has caught up."""
    return Event(sequence=sequence, control=streams_pb2.StreamControl(synced=streams_pb2.StreamSynced()))


def beat(sequence: int, clock: Clock) -> Event:
    """Nothing happened."""
    now = Timestamp()
    now.FromNanoseconds(round(clock.time() * 1e9))
    heartbeat = streams_pb2.StreamHeartbeat(server_time=now)
    return Event(sequence=sequence, control=streams_pb2.StreamControl(heartbeat=heartbeat))


def closing(sequence: int) -> tuple[Event, ShuttingDown]:
    """The last event of a server that stops, and the error that ends the stream."""
    control, stopping = farewell()
    return Event(sequence=sequence, control=control), stopping


def packed(kind: type[R], events: Iterable[Event]) -> Iterable[R]:
    """Responses with the events in order, none above the limit."""
    response, size = kind(), 0
    for event in events:
        if size and size + event.ByteSize() > RESPONSE_LIMIT:
            yield response
            response, size = kind(), 0
        response.events.append(event)
        # A field of a list costs a tag and a length beside its bytes.
        size += event.ByteSize() + 8
    if size:
        yield response


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
