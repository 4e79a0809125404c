"""A terminal that shows one page of lines; of a new one only the lines that differ are written: nothing flickers."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from rich.cells import set_cell_size

from novacron_cli.output import printable

BOLD, PLAIN = "\x1b[1m", "\x1b[m"
# See no-color.org.
GREEN, RED = ("", "") if os.environ.get("NO_COLOR") else ("\x1b[32m", "\x1b[31m")
# Seconds between two pages, and the time in which what comes together is waited for.
PAUSE, GATHER = 0.25, 0.05

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"
# A terminal that knows these shows all that is between them at once; others ignore them.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ARROWS = {"A": "up", "B": "down", "5~": "page up", "6~": "page down", "H": "home", "1~": "home"}


def can_draw() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def fitted(text: str, width: int) -> str:
    """Text of exactly that many cells, without what a terminal would take for a command."""
    text = printable(text)
    return f"{text:<{width}.{width}}" if text.isascii() else set_cell_size(text, width)


def keys_of(text: str) -> list[str]:
    """The keys that a terminal sent, of which several may come at once; those that have no name here are left out."""
    found = re.findall(r"\x1b[\[O]([0-9;]*[A-Za-z~])|([^\x1b])", text)
    return [key for arrow, letter in found if (key := letter or _ARROWS.get(arrow, ""))]


def status_line(parts: Sequence[str], width: int) -> str:
    """The first line of a page: what it is, and the keys that it knows as far as they have room."""
    for keys in ("s sort  r reverse  ↑↓ scroll  q quit", "q quit"):
        if len(text := "  ".join([*parts, keys])) <= width:
            return text
    return fitted("  ".join(parts), width).rstrip()


class Terminal:
    """Shows pages while it is entered, redraws when told that something is new, and reads keys.

    Args:
        page: Gives the lines for a width and a height.
        key: Takes a key: a letter, "up", "down", "page up", "page down" or "home".

    Attributes:
        written: Bytes written so far.
    """

    def __init__(
        self, page: Callable[[int, int], Sequence[str]], key: Callable[[str], None] = lambda key: None
    ) -> None:
        self._page, self._key = page, key
        self._shown: list[str] = []
        self._size = (0, 0)
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._before: list[Any] | None = None
        self.written = 0

    async def __aenter__(self) -> Self:
        self._write(_ENTER)
        self._listen()
        self._task = asyncio.create_task(self._draw())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
        if self._before:
            import termios

            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
        # What was seen last stays.
        self._write(_LEAVE + "".join(line + "\n" for line in self._shown if line.strip()))
        if kind is None and self._task and self._task.done() and not self._task.cancelled():
            self._task.result()

    def news(self) -> None:
        """Say that the page is another one."""
        self._news.set()

    def show(self) -> None:
        """Draw the page now."""
        size = shutil.get_terminal_size()
        lines = [*self._page(size.columns, size.lines)][: size.lines]
        parts = []
        if size != self._size:
            parts.append("\x1b[2J")
            self._size, self._shown = size, []
        for row in range(max(len(lines), len(self._shown))):
            line = lines[row] if row < len(lines) else ""
            if row >= len(self._shown) or line != self._shown[row]:
                parts.append(f"\x1b[{row + 1};1H{line}\x1b[m\x1b[K")
        self._shown = lines
        if parts:
            self._write(_BEGIN + "".join(parts) + _END)

    async def _draw(self) -> None:
        self.show()
        while True:
            # Also without news: what is shown grows old, and a terminal gets another size.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 1.0)
                await asyncio.sleep(GATHER)
            self._news.clear()
            self.show()
            await asyncio.sleep(PAUSE)

    def _listen(self) -> None:
        if not sys.stdin.isatty():
            return
        import termios
        import tty

        self._before = termios.tcgetattr(sys.stdin.fileno())
        # Keys come one by one and are not echoed; Ctrl-C stays an interrupt.
        tty.setcbreak(sys.stdin.fileno())
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)

    def _read(self) -> None:
        keys = keys_of(os.read(sys.stdin.fileno(), 1024).decode(errors="ignore"))
        for key in keys:
            self._key(key)
        if keys:
            self.show()

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "utf-8", errors="replace")
        self.written += len(data)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
