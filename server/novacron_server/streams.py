"""What the streams of the contract have in common; streams.proto is the law."""

import random
from functools import lru_cache
from typing import Protocol

from google.protobuf import duration_pb2
from novacron.cloud.v1 import streams_pb2
from novacron_providers.contract.errors import InvalidArgument, ShuttingDown, to_status

from novacron_server.times import duration

# Seconds of silence before a heartbeat when the reader names none, and the least that it may name.
HEARTBEAT, HEARTBEAT_LEAST = 15.0, 1.0
# Seconds after which readers come back when the server stops, each at another moment: not before it can be there again.
SPREAD = (0.5, 5.0)


class Watching(Protocol):
    """A request of a stream."""

    @property
    def heartbeat_interval(self) -> duration_pb2.Duration: ...

    def HasField(self, field_name: str, /) -> bool: ...  # protobuf's name


class Writer(Protocol):
    """Where a stream's messages go."""

    def offer(self, data: bytes) -> bool:
        """Begin to send a serialised message, if the one before it is sent; returns whether that was so."""


class Feed(Protocol):
    """What a stream may yield between its messages: something that sends by itself for a while."""

    async def into(self, writer: Writer | None) -> None:
        """Send, until there is something else to say; without a writer only wait until there is something to say."""


def heartbeat(request: Watching) -> float:
    """Seconds after which a silent stream says that it lives; raises InvalidArgument for a negative interval."""
    if not request.HasField("heartbeat_interval"):
        return HEARTBEAT
    found = request.heartbeat_interval.ToNanoseconds() / 1e9
    if found < 0:
        raise InvalidArgument("heartbeat_interval must not be negative", field="heartbeat_interval")
    return max(HEARTBEAT_LEAST, found)


def farewell() -> tuple[streams_pb2.StreamControl, ShuttingDown]:
    """What a stream says last when the server stops, and the error that ends it."""
    delay = random.uniform(*SPREAD)
    error = ShuttingDown("the server stops; connect anew and resume", retry_after=delay)
    closing = streams_pb2.StreamClosing(reason=to_status(error), reconnect_after=duration(delay))
    return streams_pb2.StreamControl(closing=closing), error


# Tags, lengths and what views count are the same few at a time.
@lru_cache(maxsize=4096)
def varint(number: int) -> bytes:
    """A number as protobuf writes it; streams put finished bytes together by hand."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
