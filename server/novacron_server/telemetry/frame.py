"""Events as bytes: batches straight from numpy columns, all else by protobuf. Both give the same wire format.

A batch is written by hand because a packed `repeated double` on the wire is the column as it lies in memory: no
object is made for a value. Any number of these byte strings joined is one StreamMetricsResponse.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2, streams_pb2

from novacron_server.streams import varint

Floats = npt.NDArray[np.float64]
Slots = npt.NDArray[np.int64]

# Samples in one batch: 64 kB, where a message costs least per sample and a stuck reader pins little.
SAMPLES = 8192
# A column with holes goes out as one batch for each run of slots, unless runs are shorter than this on average: then
# the steps, 1 byte a sample, cost less than the headers, about 30 bytes a batch.
RUN = 32
# Whether numbers lie in memory as they go on the wire.
LITTLE = sys.byteorder == "little"

# Tags of an event in a response, and of a batch in an event.
_EVENT, _BATCH = varint(1 << 3 | 2), varint(4 << 3 | 2)


def _tagged(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def _number(number: int, value: int) -> bytes:
    """A varint field; proto3 leaves zeros out."""
    return varint(number << 3) + varint(value) if value else b""


def _moment(seconds: float) -> bytes:
    """Body of a Timestamp or a Duration, to the microsecond: a float of today's date holds no more."""
    whole, rest = divmod(round(seconds * 1e6), 1_000_000)
    return _number(1, whole) + _number(2, rest * 1000)


# The views of a region have the same few in each tick.
@lru_cache(maxsize=64)
def _times(time: float, period: float) -> bytes:
    """The fields of a batch that tell when."""
    return _tagged(1, _moment(time)) + (_tagged(2, _moment(period)) if period else b"")


def _varints(numbers: Slots) -> bytes:
    if numbers.size and numbers.max() > 0x7F:
        return b"".join(map(varint, numbers.tolist()))
    return numbers.astype(np.uint8).tobytes()


@dataclass(frozen=True, slots=True)
class Piece:
    """What one batch holds of a column.

    Attributes:
        start, stop: From where to where in the column.
        places: The fields that tell the slots of it; the same in each tick.
    """

    start: int
    stop: int
    places: bytes


def places(slots: Slots) -> bytes:
    """The fields of a batch that tell slots, ascending and at least one; and the head of the one for the values."""
    first, last = int(slots[0]), int(slots[-1])
    steps = b"" if last - first + 1 == slots.size else _tagged(4, _varints(np.diff(slots, prepend=slots[0])))
    return _number(3, first) + steps + varint(5 << 3 | 2) + varint(8 * slots.size)


# A view's events of one size come tick after tick.
@lru_cache(maxsize=4096)
def _heads(sequence: int, time: float, period: float, rest: int) -> tuple[bytes, bytes]:
    """What is before and after a sequence of so many bytes in a batch event with `rest` bytes of places and values."""
    times = _times(time, period)
    body = len(times) + rest
    tag, batch = varint(1 << 3) if sequence else b"", _BATCH + varint(body)
    return _EVENT + varint(len(tag) + sequence + len(batch) + body) + tag, batch + times


def batch(sequence: int, time: float, period: float, places: bytes, values: Floats) -> bytes:
    """A StreamMetricsResponse of one batch event.

    Args:
        sequence: Position after the event.
        time: End of the period, seconds since 1970.
        period: Its length in seconds; 0 for values of a moment.
        places: Of the slots, see `places`.
        values: One for each slot, side by side in memory.
    """
    # proto3 leaves zeros out.
    number = varint(sequence) if sequence else b""
    before, after = _heads(len(number), time, period, len(places) + values.nbytes)
    # The only copy of the column.
    return b"".join((before, number, after, places, (values if LITTLE else values.byteswap()).data))


# Views of as many series share one.
@lru_cache(maxsize=1024)
def _whole(first: int, size: int) -> tuple[Piece]:
    """A column of so many slots without a hole, from the first one on, as one piece."""
    return (Piece(0, size, places(np.arange(first, first + size))),)


def pieces(slots: Slots) -> Sequence[Piece]:
    """Split a column, slots ascending, into what one batch each holds."""
    if 0 < slots.size <= SAMPLES and slots[-1] - slots[0] == slots.size - 1:
        return _whole(int(slots[0]), slots.size)
    cuts = (np.flatnonzero(np.diff(slots) != 1) + 1).tolist()
    if (len(cuts) + 1) * RUN > slots.size:
        cuts = []
    found = []
    for begin, end in pairwise([0, *cuts, slots.size]):
        for start in range(begin, end, SAMPLES):
            stop = min(end, start + SAMPLES)
            found.append(Piece(start, stop, places(slots[start:stop])))
    return found


def control(sequence: int, message: streams_pb2.StreamControl) -> bytes:
    """A StreamMetricsResponse of one control event."""
    event = metrics_service_pb2.MetricEvent(sequence=sequence, control=message)
    return metrics_service_pb2.StreamMetricsResponse(events=[event]).SerializeToString()


def collection(sequence: int, message: metrics_pb2.MetricCollection) -> bytes:
    """A StreamMetricsResponse of one collection event."""
    event = metrics_service_pb2.MetricEvent(sequence=sequence, collection=message)
    return metrics_service_pb2.StreamMetricsResponse(events=[event]).SerializeToString()


def table(sequence: int, message: metrics_pb2.MetricTable) -> bytes:
    """A StreamMetricsResponse of one table event."""
    event = metrics_service_pb2.MetricEvent(sequence=sequence, table=message)
    return metrics_service_pb2.StreamMetricsResponse(events=[event]).SerializeToString()
