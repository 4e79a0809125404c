"""What a bench finds: rows of a table, which are also written as JSON."""

import json
import pathlib
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

# Runs of each rival.
ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One promise, and what came of it.

    Attributes:
        id: Short and stable: "fanout-aio".
        what: What is measured, and against what.
        ratio: Ours divided by theirs, or a plain number where there is no rival; None when it was not measured.
        aim: The most that `ratio` may be.
        unit: Of `ratio`: "x" of a rival, or "MiB", "%".
        detail: The two figures behind the ratio, or why there is none.
    """

    id: str
    what: str
    ratio: float | None
    aim: float
    unit: str = "x"
    detail: str = ""

    @property
    def verdict(self) -> str:
        """met, MISSED, or skipped."""
        if self.ratio is None:
            return "skipped"
        return "met" if self.ratio <= self.aim else "MISSED"


def line(row: Row) -> str:
    """A row as a line of the table."""
    found = "-" if row.ratio is None else f"{row.ratio:.3g}"
    unit = "" if row.unit == "x" else row.unit
    return f"{row.verdict:8}{found:>8} of {row.aim:<5g} {unit:9} {row.id:20} {row.what}: {row.detail}"


def write(rows: Sequence[Row], path: pathlib.Path) -> None:
    """Write rows as a list of objects of id, what, ratio, aim, unit and detail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([vars(row) for row in rows], indent=1) + "\n")


async def alternated(
    rivals: Mapping[str, Callable[[], Awaitable[float]]], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Measure all rivals in turn, each round another one first, so that what else the machine does hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in rivals}
    names = [*rivals]
    for n in range(rounds):
        for name in names[n % len(names) :] + names[: n % len(names)]:
            found[name].append(await rivals[name]())
    return found


def compared(id: str, what: str, aim: float, ours: Sequence[float], theirs: Sequence[float], unit: str) -> Row:
    """A row of the medians of runs; `unit` is that of the figures."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    spread = f"({min(ours):.3g} to {max(ours):.3g}) against {other:.3g} ({min(theirs):.3g} to {max(theirs):.3g})"
    return Row(id, what, mine / other, aim, detail=f"{mine:.3g} {spread} {unit}")
