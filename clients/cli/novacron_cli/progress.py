"""How operations come along: a bar for each in a terminal, a line for each step elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from novacron.cloud.v1.operations_pb2 import Operation, OperationState

from novacron_cli.failure import tell
from novacron_cli.output import clock, word, write


def step_of(operation: Operation) -> str:
    """What it does now, or did last, for people; empty before its first step."""
    running = [s for s in operation.steps if s.state == OperationState.OPERATION_STATE_RUNNING]
    begun = running or [s for s in operation.steps if s.HasField("start_time")]
    return (begun[-1].title or begun[-1].id) if begun else ""


def percent_of(operation: Operation) -> int | None:
    """How far it is, 0 to 100; None when it cannot be told."""
    return operation.progress_percent if operation.HasField("progress_percent") else None


class Progress:
    """Shows operations by label; enter it, then call `update` with each change.

    >>> with Progress() as progress:
    ...     await operation.wait(progress=functools.partial(progress.update, "web-1"))
    """

    def __init__(self, *, on_stdout: bool = False) -> None:
        """Show them on standard error, which leaves standard output to answers, or on standard output."""
        self._write = write if on_stdout else tell
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._told: dict[str, str] = {}
        if (sys.stdout if on_stdout else sys.stderr).isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.fields[label]}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=not on_stdout),
            )

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def update(self, label: str, operation: Operation) -> None:
        """Show the present state of the operation with that label."""
        state, step, percent = word(operation, "state"), step_of(operation), percent_of(operation)
        text = state if operation.done or not step else step
        if self._bars:
            if label not in self._tasks:
                self._tasks[label] = self._bars.add_task(text, total=100, label=label)
            self._bars.update(self._tasks[label], description=text, completed=100 if operation.done else percent)
        elif self._told.get(label) != text:
            self._told[label] = text
            share = "" if percent is None else f" {percent:>3} %"
            self._write(f"{clock(time.time())} {label}{share} {text}")
