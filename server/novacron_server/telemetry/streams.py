"""What a reader of StreamMetrics gets, in order."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import chain

from novacron.cloud.v1 import metrics_service_pb2, streams_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import ShuttingDown

from novacron_server.streams import farewell
from novacron_server.telemetry import frame
from novacron_server.telemetry.audience import Audience
from novacron_server.telemetry.feed import Feed
from novacron_server.telemetry.ring import Mark, joined
from novacron_server.times import duration, timestamp


class Stream:
    """One reader's way through a view.

    Args:
        audience: Whose view; the caller enters and leaves it.
        request: What the reader asked for.
        heartbeat: Seconds after which a silent stream says that it lives.
        clock: Where time comes from.

    Attributes:
        ended: Set by the caller, when the reader is gone.
    """

    def __init__(
        self,
        audience: Audience,
        request: metrics_service_pb2.StreamMetricsRequest,
        heartbeat: float,
        clock: Clock,
    ) -> None:
        self._audience, self._request, self._heartbeat, self._clock = audience, request, heartbeat, clock
        self._beat_at = 0.0
        self._feed: Feed | None = None
        self.ended = asyncio.Event()

    @property
    def beat_at(self) -> float:
        """When the reader must hear something, on the monotonic clock."""
        if self._feed and self._feed.has_moved:
            self._beat_at = self._clock.monotonic() + self._heartbeat - (self._clock.time() - self._feed.mark.time)
        return self._beat_at

    def wake(self) -> None:
        """Look again what there is to say."""
        if self._feed:
            self._feed.stop()

    async def responses(self) -> AsyncGenerator[bytes | Feed, None]:
        """Serialised responses, without end, and feeds that send such ones.

        Raises what keeps the stream from starting, or from going on.
        """
        audience, view, clock = self._audience, self._audience.view, self._clock
        mark = view.find(self._request.resume_after)
        yield self._sent(self._opened(resumed=mark is not None))
        if mark is None:
            while not (audience.is_settled or view.fault or audience.is_ending):
                if clock.monotonic() >= self._beat_at:
                    yield self._sent(self._alive(0))
                else:
                    await self._waiting(view.ring.head).into(None)
            if audience.is_ending:
                data, error = _farewell(0)
                yield data
                raise error
            audience.check()
        while True:
            # All that follows is as of now, however long the reader takes to take it in.
            epoch, owed = view.epoch, view.ring.head
            snapshot = [] if mark or self._request.skip_snapshot else view.snapshot()
            # Not joined, since all who come now share these bytes.
            for data in chain(view.roster.tables(mark or owed), snapshot):
                yield self._sent(data)
            mark = mark or owed
            is_synced = False
            while view.epoch == epoch:
                if view.fault:
                    raise view.fault.with_traceback(None)
                if not is_synced and mark.sequence >= owed.sequence:
                    is_synced = True
                    yield self._sent(_control(mark.sequence, synced=streams_pb2.StreamSynced()))
                elif mark is view.ring.head:
                    if audience.is_ending:
                        data, error = _farewell(mark.sequence)
                        yield data
                        raise error
                    if clock.monotonic() >= self._beat_at:
                        yield self._sent(self._alive(mark.sequence))
                    else:
                        feed = self._waiting(mark)
                        yield feed
                        mark, self._beat_at = feed.mark, self.beat_at
                elif (taken := view.ring.take(mark)) is None:
                    dropped, owed, is_synced = mark, view.ring.head, False
                    snapshot = view.snapshot()
                    # Joined, because who is this late gets no further by many small messages.
                    tables = view.roster.tables(owed, since=dropped)
                    for data in joined(chain([_gap(dropped, owed)], tables, snapshot)):
                        yield self._sent(data)
                    mark = owed
                else:
                    data, mark = taken
                    yield self._sent(data)
            # Slots were given out anew.
            mark = None
            yield self._sent(self._opened(resumed=False))

    def _waiting(self, mark: Mark) -> Feed:
        """What to wait with at the end of the log; it ends when the reader must hear something."""
        self._feed = Feed(self._audience.view.ring, mark)
        self._audience.expect(self)
        return self._feed

    def _sent(self, data: bytes) -> bytes:
        """Note that the reader hears something now."""
        self._beat_at, self._feed = self._clock.monotonic() + self._heartbeat, None
        return data

    def _opened(self, *, resumed: bool) -> bytes:
        interval = duration(self._heartbeat)
        opened = streams_pb2.StreamOpened(epoch=self._audience.view.epoch, resumed=resumed, heartbeat_interval=interval)
        return _control(0, opened=opened)

    def _alive(self, sequence: int) -> bytes:
        return _control(sequence, heartbeat=streams_pb2.StreamHeartbeat(server_time=timestamp(self._clock.time())))


def _gap(mark: Mark, head: Mark) -> bytes:
    """What a reader at `mark` missed when it goes on at `head`."""
    gap = streams_pb2.StreamGap(
        dropped_events=head.sequence - mark.sequence,
        dropped_items=head.items - mark.items,
        start_time=timestamp(mark.next_time or head.time),
        end_time=timestamp(head.time),
    )
    return _control(0, gap=gap)


def _farewell(sequence: int) -> tuple[bytes, ShuttingDown]:
    """The last event of a stream, and the error that ends it."""
    control, error = farewell()
    return frame.control(sequence, control), error


def _control(
    sequence: int,
    *,
    opened: streams_pb2.StreamOpened | None = None,
    synced: streams_pb2.StreamSynced | None = None,
    heartbeat: streams_pb2.StreamHeartbeat | None = None,
    gap: streams_pb2.StreamGap | None = None,
) -> bytes:
    message = streams_pb2.StreamControl(opened=opened, synced=synced, heartbeat=heartbeat, gap=gap)
    return frame.control(sequence, message)
