"""The log of a view: its last events as finished bytes, shared by all who read it."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from novacron_server.telemetry.feed import Feed, advance

# Ticks that are held for readers that lag and for those that come back; and all of the last seconds, so that readers
# can catch up where ticks come faster than they can be sent.
TICKS, SECONDS = 64, 5.0
# Bytes that are held at most; the newest tick always is.
BYTES = 32 * 1024 * 1024
# Bytes that are joined into one message at most.
JOINED = 1024 * 1024


def joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join responses into as few as the limit allows; one that is larger by itself stays as it is."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        if held and size + len(part) > JOINED:
            yield b"".join(held)
            held, size = [], 0
        held.append(part)
        size += len(part)
    if held:
        yield b"".join(held)


class Mark:
    """An event, and the place in the log after it.

    A reader that is stuck pins no bytes, since the log takes them away when it no longer holds the event.

    Attributes:
        sequence: Number of the event; the beginning is 1, because 0 means no place in the contract.
        items: Samples in all events up to here.
        slots: Slots that were given up to here.
        time: When the event entered the log, seconds since 1970.
        next_time: When the event after it did; None until there is one.
        data: The event itself; b"" when it is not held.
        goes_on: Whether its tick does.
    """

    __slots__ = ("data", "goes_on", "items", "next_time", "sequence", "slots", "time")

    def __init__(self, sequence: int, items: int, slots: int, time: float, data: bytes, goes_on: bool) -> None:
        self.sequence, self.items, self.slots, self.time = sequence, items, slots, time
        self.next_time: float | None = None
        self.data, self.goes_on = data, goes_on


class Ring:
    """The last events. A reader holds the Mark of the last one that it took, and nothing is kept for it here.

    Attributes:
        head: The place after the newest event.
        feeds: Those who are sent what comes, in the order in which they came.
        slots: Slots that were given so far; whoever gives them says so here before the event that tells it.
    """

    __slots__ = ("_base", "_events", "_joined", "_size", "_ticks", "feeds", "head", "slots")

    def __init__(self) -> None:
        self.head, self.slots = Mark(1, 0, 0, 0.0, b"", False), 0
        # The place before the oldest event that is held.
        self._base = self.head
        self._events: deque[Mark] = deque()
        self._ticks = self._size = 0
        # What was joined last, and after which place: as a rule all readers are at the same one.
        self._joined: tuple[Mark, bytes, Mark] | None = None
        self.feeds: dict[Feed, None] = {}

    def begin(self) -> None:
        """Say that the slots of now were given before the first event."""
        self.head.slots = self.slots

    def append(self, events: Sequence[tuple[bytes, int]], time: float) -> None:
        """Add the events of one tick, each as bytes and its number of samples, and send them to who waits."""
        # Each of very many views comes by here in each tick.
        held, head, size, left = self._events, self.head, self._size, len(events)
        for data, items in events:
            left -= 1
            head.next_time = time
            head = Mark(head.sequence + 1, head.items + items, self.slots, time, data, left > 0)
            held.append(head)
            size += len(data)
        self.head, self._joined = head, None
        ticks = self._ticks + 1
        while ticks > 1 and (size > BYTES or (ticks > TICKS and held[0].time <= time - SECONDS)):
            goes_on = True
            while goes_on:
                self._base = oldest = held.popleft()
                size -= len(oldest.data)
                oldest.data, goes_on = b"", oldest.goes_on
            ticks -= 1
        self._ticks, self._size = ticks, size
        if self.feeds:
            advance([*self.feeds])

    def find(self, sequence: int) -> Mark | None:
        """The place after an event; None when not all that came after it is held."""
        offset = sequence - self._base.sequence
        if offset == 0:
            return self._base
        return self._events[offset - 1] if 0 < offset <= len(self._events) else None

    def take(self, after: Mark) -> tuple[bytes, Mark] | None:
        """What comes after a place, joined to at most 1 MiB, and the place behind it; b"" when nothing does.

        None when something after it is no longer held.
        """
        offset = after.sequence - self._base.sequence
        if offset < 0:
            return None
        if offset == len(self._events):
            return b"", after
        mark = self._events[offset]
        if mark is self.head:
            return mark.data, mark
        if self._joined and self._joined[0] is after:
            return self._joined[1:]
        parts, size = [mark.data], len(mark.data)
        while mark is not self.head:
            offset += 1
            following = self._events[offset]
            size += len(following.data)
            if size > JOINED:
                break
            parts.append(following.data)
            mark = following
        self._joined = after, b"".join(parts), mark
        return self._joined[1:]

    def wake(self) -> None:
        """Let all readers look again."""
        for feed in [*self.feeds]:
            feed.stop()

    async def wait(self) -> None:
        """Return at the next event or wake-up."""
        await Feed(self, self.head).into(None)
