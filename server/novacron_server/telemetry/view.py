"""The series that one selector selects, numbered, and the log of their values that all equal streams share."""

import math
import secrets
from collections.abc import Sequence

import numpy as np
from novacron.cloud.v1 import metrics_pb2, streams_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, InvalidArgument

from novacron_server.telemetry import frame
from novacron_server.telemetry.demand import Lease, Scope
from novacron_server.telemetry.frame import Floats, Piece, Slots
from novacron_server.telemetry.pace import Pace
from novacron_server.telemetry.part import NONE, Part
from novacron_server.telemetry.ring import Mark, Ring
from novacron_server.telemetry.roster import Roster, Series, ref_to
from novacron_server.telemetry.table import Column, Mask, Newest

# Series that one view may have.
LIMIT = 200_000


class View:
    """Series by slot, what is known of them, and the events that led there.

    Slots are the view's own, dense from 0, so that a tick of all series is one column without a word about which they
    are. They stay as they are for the life of an epoch: series that come get the next slots, those of series that ended
    are left unused. When too many are unused, all are given out anew, under a new epoch.

    Attributes:
        epoch: Identity of the log.
        ring: The log.
        roster: Which series has which slot.
        is_open: Whether what comes is logged; before, it only belongs to the first snapshot.
        refresh_at: When `refresh` has something to do, on the monotonic clock.
        fault: Why it cannot go on; None when it can.
    """

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace, self._clock = pace, clock
        self._sends_all = pace.sends_all
        self.epoch = secrets.token_hex(8)
        self.ring, self.roster = Ring(), Roster()
        self.is_open = False
        self.fault: CloudError | None = None
        # Those that feed it, in the order in which they came.
        self._leases: dict[Lease, None] = {}
        self._newest = Newest()
        # Whether the tables may have something newer.
        self._is_behind = False
        # What readers were told last: the newest, unless the pace holds some of it back; then also which, and when the
        # last telling was, on the monotonic clock.
        self._told = self._newest if self._sends_all else Newest()
        self._held: Mask = np.zeros(self._newest.values.size, np.bool_)
        self._told_at: Floats = np.full(self._newest.values.size, -np.inf)
        self.refresh_at = math.inf
        self._snapshot: tuple[Mark, list[bytes]] | None = None
        # Of regions that are not read as usual.
        self._notices: dict[Scope, metrics_pb2.MetricCollection] = {}

    @property
    def newest(self) -> Newest:
        """Newest value by slot.

        Found in the regions' tables when it is asked for: few ticks of few views need it, and to keep it up to date
        took a third of the time of a tick.
        """
        if self._is_behind:
            for lease in self._leases:
                self._newest.copy(lease.part.at_slots, lease.region.table.newest, lease.part.at_rows)
            self._is_behind = False
        return self._newest

    def open(self) -> None:
        """Begin the log: what is known now is its first snapshot."""
        self.is_open = True
        self.ring.begin()
        if not self._sends_all:
            self._mark_told(np.flatnonzero(self._held))
        if self._pace.refresh:
            self.refresh_at = self._clock.monotonic() + self._pace.refresh

    def find(self, position: streams_pb2.StreamPosition) -> Mark | None:
        """Where a reader who comes back goes on; None when it must start anew."""
        return self.ring.find(position.sequence) if position.epoch == self.epoch and position.sequence else None

    def snapshot(self) -> list[bytes]:
        """What is not as usual, and batches of what was told last of each series that has not ended. Shared.

        Without positions.
        """
        if self._snapshot is None or self._snapshot[0] is not self.ring.head:
            events = [(frame.collection(0, message), 0) for message in self._notices.values()]
            told = self.newest if self._sends_all else self._told
            for time, period, slots in told.moments(self._live()):
                values = told.values[slots]
                for piece in frame.pieces(slots):
                    column = values[piece.start : piece.stop]
                    events.append((frame.batch(0, time, period, piece.places, column), column.size))
            self._snapshot = self.ring.head, [data for data, _ in events]
        return self._snapshot[1]

    def take(self, lease: Lease, columns: Sequence[Column]) -> None:
        """Values of a region came, oldest first, or series came or went."""
        part, version = lease.part, lease.region.table.version
        is_renewed = part.table_version != version or part.lease_version != lease.version
        self._is_behind = True
        events: list[tuple[bytes, int]] = []
        if is_renewed:
            part.table_version, part.lease_version = version, lease.version
            self._renew(lease, columns, events)
        for column in columns:
            slots, rows, pieces = part.at_slots, part.at_rows, part.pieces
            # As a rule all of them are new, and nothing need be picked.
            if not column.whole:
                hit = column.fresh.take(rows)
                if np.count_nonzero(hit) < hit.size:
                    slots, rows = slots[hit], rows[hit]
                    pieces = frame.pieces(slots)
            if not self._sends_all:
                self._held[slots] = True
            elif self.is_open:
                self._log(pieces, column.time, column.period, column.values.take(rows), events)
        if not self._sends_all:
            self._flush(part, events)
        self._append(events)
        if is_renewed and self.roster.is_sparse:
            self._start_over()

    def notice(self, scope: Scope, message: metrics_pb2.MetricCollection | None) -> None:
        """Tell how a region is read; None for as usual."""
        if message == self._notices.get(scope):
            return
        if message:
            self._notices[scope] = message
        else:
            del self._notices[scope]
        if self.is_open:
            told = message or metrics_pb2.MetricCollection(scope=str(scope))
            self._append([(frame.collection(self.ring.head.sequence + 1, told), 0)])

    def drop(self, lease: Lease) -> None:
        """A region is no longer selected: its series end."""
        self._notices.pop(lease.region.scope, None)
        if lease in self._leases:
            del self._leases[lease]
            events: list[tuple[bytes, int]] = []
            self._change([], [*lease.part.slots.values()], events)
            self._append(events)
            if self.roster.is_sparse:
                self._start_over()

    def refresh(self) -> None:
        """Log all values again, if the pace says that it is time."""
        now = self._clock.monotonic()
        if now >= self.refresh_at:
            events: list[tuple[bytes, int]] = []
            self._tell(self._live(), events)
            self._append(events)
            self.refresh_at = now + self._pace.refresh

    def _live(self) -> Slots:
        return np.sort(np.concatenate([NONE, *(lease.part.at_slots for lease in self._leases)]))

    def _append(self, events: Sequence[tuple[bytes, int]]) -> None:
        if events:
            self.ring.append(events, self._clock.time())

    def _log(
        self, pieces: Sequence[Piece], time: float, period: float, values: Floats, events: list[tuple[bytes, int]]
    ) -> None:
        sequence = self.ring.head.sequence + len(events)
        for piece in pieces:
            sequence += 1
            # As a rule there is one, and nothing need be cut.
            column = values if len(pieces) == 1 else values[piece.start : piece.stop]
            events.append((frame.batch(sequence, time, period, piece.places, column), column.size))

    def _note(
        self,
        slots: Slots,
        time: float,
        period: float,
        values: Floats,
        events: list[tuple[bytes, int]],
    ) -> None:
        """Log values, or hold them back."""
        if not self._sends_all:
            self._held[slots] = True
        elif self.is_open:
            self._log(frame.pieces(slots), time, period, values, events)

    def _flush(self, part: Part, events: list[tuple[bytes, int]]) -> None:
        """Log what was held back of a region, where it is time; each tick of the region comes by here."""
        if not self.is_open:
            return
        slots = part.at_slots[self._held[part.at_slots]]
        slots = slots[self._told_at[slots] + self._pace.interval <= self._clock.monotonic()]
        if self._pace.changes_only:
            before, after = self._told.values[slots], self.newest.values[slots]
            slots = slots[(before != after) & ~(np.isnan(before) & np.isnan(after))]
        self._tell(slots, events)

    def _tell(self, slots: Slots, events: list[tuple[bytes, int]]) -> None:
        for time, period, places in self.newest.moments(slots):
            self._log(frame.pieces(places), time, period, self.newest.values[places], events)
        self._mark_told(slots)

    def _mark_told(self, slots: Slots) -> None:
        self._told.copy(slots, self.newest, slots)
        self._told_at[slots] = self._clock.monotonic()
        self._held[slots] = False

    def _renew(self, lease: Lease, columns: Sequence[Column], events: list[tuple[bytes, int]]) -> None:
        """Find anew what is selected in a region, and tell what came and went."""
        region, part = lease.region, lease.part
        table = region.table
        self._leases[lease] = None
        there = (key for name in lease.resources for key in table.series_of.get(name, ()))
        rows = {key: table.rows[key] for key in there if lease.selects(key)}
        ended = [part.slots.pop(key) for key in [*part.slots] if key not in rows]
        new = sorted((key for key in rows if key not in part.slots), key=rows.__getitem__)
        refs = {name: ref_to(region.instances[name]) for name in {key.resource for key in new}}
        first = len(self.roster.series)
        part.slots.update((key, first + n) for n, key in enumerate(new))
        pairs = sorted((slot, rows[key]) for key, slot in part.slots.items())
        part.at_slots, part.at_rows = (side.copy() for side in np.array(pairs, np.int64).reshape(-1, 2).T)
        part.pieces = frame.pieces(part.at_slots)
        self._change([Series(key, region.descriptors[key.metric], refs[key.resource]) for key in new], ended, events)
        # A series that was there before it was selected begins with the value that it has.
        begun = np.zeros(table.newest.values.size, np.bool_)
        for column in columns:
            begun[: column.fresh.size] |= column.fresh
        known = {rows[key]: part.slots[key] for key in new if not begun[rows[key]]}
        for time, period, places in table.newest.moments(np.array([*known], np.int64)):
            slots = np.array([known[row] for row in places.tolist()], np.int64)
            order = np.argsort(slots)
            self._note(slots[order], time, period, table.newest.values[places[order]], events)

    def _change(self, new: Sequence[Series], ended: Sequence[int], events: list[tuple[bytes, int]]) -> None:
        """Give slots to series, and end others."""
        first = len(self.roster.series)
        self.roster.add(new)
        self.ring.slots = count = len(self.roster.series)
        self._newest.grow(count)
        self._told.grow(count)
        room = self._newest.values.size - self._held.size
        self._held = np.concatenate((self._held, np.zeros(room, np.bool_)))
        self._told_at = np.concatenate((self._told_at, np.full(room, -np.inf)))
        for slot in ended:
            self._newest.forget(slot)
            self._told.forget(slot)
            self._held[slot] = False
        sequence = self.ring.head.sequence + len(events) + 1
        if not self.is_open:
            self.roster.end(ended, 0)
        elif new or ended:
            events += [(data, 0) for data in self.roster.news(first, ended, sequence)]
        if self.roster.live > LIMIT:
            self.fault = InvalidArgument(
                f"over {LIMIT:,} series are selected; split the selector into several streams", field="selector"
            )
            self.ring.wake()

    def _start_over(self) -> None:
        """Give all slots out anew."""
        before = self._live()
        after = {slot: n for n, slot in enumerate(before.tolist())}
        roster, newest, told = Roster(), Newest(), Newest()
        roster.add(self.roster.series[slot] for slot in after)
        for old, new in ((self.newest, newest), (self._told, told)):
            new.grow(before.size)
            new.copy(np.arange(before.size), old, before)
        held, told_at = np.zeros(newest.values.size, np.bool_), np.full(newest.values.size, -np.inf)
        held[: before.size], told_at[: before.size] = self._held[before], self._told_at[before]
        for lease in self._leases:
            part = lease.part
            part.slots = {key: after[slot] for key, slot in part.slots.items()}
            # What is ascending stays so.
            part.at_slots = np.array([after[slot] for slot in part.at_slots.tolist()], np.int64)
            part.pieces = frame.pieces(part.at_slots)
        old_ring, self.ring = self.ring, Ring()
        self.ring.slots = before.size
        self.ring.begin()
        self.roster, self._newest, self._held, self._told_at = roster, newest, held, told_at
        self._told = newest if self._sends_all else told
        self.epoch, self._snapshot = secrets.token_hex(8), None
        old_ring.wake()
