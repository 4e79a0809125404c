"""What a proof gives: rows of a table, each with what was measured and the bound that it must keep."""

import json
import os
import platform
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What is promised.
        load: What was done, with the seed.
        measured: What came of it.
        bound: What must hold.
        kept: Whether it held; None when the run was void, so that it tells nothing.
        timed: It is about the time that something took, which a busy machine may spoil.
    """

    what: str
    load: str
    measured: str
    bound: str
    kept: bool | None
    timed: bool = False

    @property
    def verdict(self) -> str:
        return {True: "kept", False: "BROKEN", None: "void"}[self.kept]


class Form(NamedTuple):
    """How much of everything: `QUICK` for each run of the tests, `FULL` for the table."""

    name: str
    seed: int
    calls: int
    creates: int
    metrics: int
    outage: float
    throttle: float
    kills: int
    lease: float
    stop: float
    history: float
    overload: float
    terminations: int
    examples: int
    steps: int


QUICK = Form(
    name="quick",
    seed=20261124,
    calls=1000,
    creates=24,
    metrics=100,
    outage=15.0,
    throttle=5.0,
    # 11 at the named points, the others at any moment.
    kills=15,
    lease=2.0,
    stop=3.0,
    history=7.0,
    overload=4.0,
    terminations=2,
    examples=5,
    steps=12,
)
FULL = Form(
    name="full",
    seed=20261124,
    calls=20_000,
    creates=300,
    metrics=2000,
    outage=60.0,
    throttle=60.0,
    kills=1000,
    lease=15.0,
    stop=12.0,
    history=600.0,
    overload=60.0,
    terminations=50,
    examples=200,
    steps=50,
)

Proof = Callable[[Form, Path], Coroutine[Any, Any, Sequence[Row]]]


def at_most(what: str, load: str, measured: float, bound: float, unit: str = "", *, timed: bool = False) -> Row:
    """A row of a number that must not be exceeded."""
    return Row(what, load, f"{measured:,.6g}{unit}", f"<= {bound:g}{unit}", measured <= bound, timed)


def at_least(what: str, load: str, measured: float, bound: float, unit: str = "", *, timed: bool = False) -> Row:
    """A row of a number that must be reached."""
    return Row(what, load, f"{measured:,.6g}{unit}", f">= {bound:g}{unit}", measured >= bound, timed)


def exactly(what: str, load: str, measured: int, bound: int) -> Row:
    """A row of a count."""
    return Row(what, load, f"{measured:,}", f"{bound:,}", measured == bound)


def broken(rows: Sequence[Row], *, with_times: bool = False) -> list[str]:
    """Rows whose bound was not kept, as text; those about time only when asked for."""
    return [
        f"{row.what} ({row.load}): {row.measured}, must be {row.bound}"
        for row in rows
        if row.kept is False and (with_times or not row.timed)
    ]


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | load | measured | bound | verdict |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.load} | {row.measured} | {row.bound} | {row.verdict} |" for row in rows]
    return "\n".join(lines)


def save(rows: Sequence[Row], path: Path) -> None:
    """Write the rows, and on which machine they were measured, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
    }
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
