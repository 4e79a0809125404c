"""What a view has of one region."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from novacron_providers.contract.metrics import SeriesKey

from novacron_server.telemetry.frame import Piece, Slots

NONE: Slots = np.zeros(0, np.int64)


@dataclass(slots=True)
class Part:
    """The series of a region that a view selects.

    Attributes:
        slots: Slot of each series.
        table_version, lease_version: Of the region's table and of the lease when this was made.
        at_slots, at_rows: Slots, ascending, and the row of each in the region's table.
        pieces: What a column of all slots is split into.
    """

    slots: dict[SeriesKey, int] = field(default_factory=dict)
    table_version: int = -1
    lease_version: int = -1
    at_slots: Slots = field(default_factory=NONE.copy)
    at_rows: Slots = field(default_factory=NONE.copy)
    pieces: Sequence[Piece] = ()
