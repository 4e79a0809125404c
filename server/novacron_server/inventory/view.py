"""A view of the inventory: the resources of a scope, in the order of their last change."""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from novacron.cloud.v1 import common_pb2, streams_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb

from novacron_server.streams import varint

# Resources that are gone and are still told to who comes back; who was away for longer starts over.
GONE = 10_000
# Bytes that are joined into one message at most.
JOINED = 1024 * 1024


class _Entry(Struct):
    """A resource: the number of its last change, and its event without that number, serialised."""

    sequence: int
    event: bytes
    is_gone: bool = False


class View:
    """What there is in a scope.

    Attributes:
        epoch: Of its positions.
        sequence: Number of the last change; the beginning is 1, because 0 means no place in the contract.
        is_ready: Whether all of it was read, well or not.
        turn: Set at the next change or wake-up, and then replaced by another one.
    """

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(8)
        self.sequence = 1
        self.is_ready = False
        self.turn = asyncio.Event()
        self._entries: dict[str, _Entry] = {}
        self._gone: list[str] = []
        # Positions before this one miss something that is forgotten.
        self._since = 1
        # What was joined last, and for whom: most watchers are at the same place.
        self._joined: tuple[tuple[int, int, bool], Sequence[bytes]] | None = None

    def put(self, name: str, event: pb.ResourceEvent) -> None:
        """Take in a resource as it is now."""
        data = event.SerializeToString(deterministic=True)
        before = self._entries.get(name)
        if before is None or before.event != data:
            self._change(name, _Entry(self.sequence + 1, data))

    def remove(self, ref: common_pb2.ResourceRef) -> None:
        """Take in that a resource is gone; nothing if it was not there."""
        before = self._entries.get(ref.name)
        if before is None or before.is_gone:
            return
        data = pb.ResourceEvent(removed=ref).SerializeToString(deterministic=True)
        self._change(ref.name, _Entry(self.sequence + 1, data, is_gone=True))
        self._gone.append(ref.name)
        if len(self._gone) > 2 * GONE:
            self._forget()

    def ready(self) -> None:
        """Say that all was read."""
        self.is_ready = True
        self.wake()

    def knows(self, position: streams_pb2.StreamPosition) -> bool:
        """Whether all that came after a position is known."""
        sequence = position.sequence
        return position.epoch == self.epoch and 0 < sequence <= self.sequence and self.reaches(sequence)

    def reaches(self, sequence: int) -> bool:
        """Whether nothing that changed after a place is forgotten."""
        return sequence >= self._since

    def responses(self, after: int, *, numbered: bool) -> Sequence[bytes]:
        """Responses with what changed after a place, each resource once; 0 gives all that is there.

        Events say at which place they are only if they are `numbered`.
        """
        key = (after, self.sequence, numbered)
        if self._joined is None or self._joined[0] != key:
            events = (
                framed((b"\x08" + varint(entry.sequence) if numbered else b"") + entry.event)
                for entry in self._after(after)
            )
            self._joined = key, [*_joined(events)]
        return self._joined[1]

    def wake(self) -> None:
        """Let all watchers look again."""
        self.turn.set()
        self.turn = asyncio.Event()

    def _after(self, place: int) -> list[_Entry]:
        if not place:
            return [entry for entry in self._entries.values() if not entry.is_gone]
        found = []
        for entry in reversed(self._entries.values()):
            if entry.sequence <= place:
                break
            found.append(entry)
        found.reverse()
        return found

    def _change(self, name: str, entry: _Entry) -> None:
        self.sequence = entry.sequence
        # Last in the order.
        self._entries.pop(name, None)
        self._entries[name] = entry
        self.wake()

    def _forget(self) -> None:
        """Forget the oldest of what is gone."""
        old, self._gone = self._gone[:-GONE], self._gone[-GONE:]
        kept = set(self._gone)
        for name in old:
            entry = self._entries.get(name)
            if entry and entry.is_gone and name not in kept:
                self._since = max(self._since, entry.sequence)
                del self._entries[name]


def framed(event: bytes) -> bytes:
    """An event as an element of WatchResourcesResponse.events; responses joined are one response."""
    return b"\x0a" + varint(len(event)) + event


def _joined(events: Iterable[bytes]) -> Iterator[bytes]:
    """Responses of at most JOINED bytes, or of one event that is larger."""
    parts: list[bytes] = []
    size = 0
    for event in events:
        if parts and size + len(event) > JOINED:
            yield b"".join(parts)
            parts, size = [], 0
        parts.append(event)
        size += len(event)
    if parts:
        yield b"".join(parts)
