"""How answers look: tables for people, JSON for programs, plain lines where there is no terminal."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


class Format(StrEnum):
    """How to print an answer."""

    TABLE = "table"
    JSON = "json"


class Column(NamedTuple):
    """A column of a table: its title, and its text for a row."""

    title: str
    text: Callable[[Any], str]


def is_terminal() -> bool:
    """Whether standard output shows what is drawn on it."""
    return sys.stdout.isatty()


def write(line: str) -> None:
    """Write one line to standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def as_dict(message: Message) -> dict[str, Any]:
    """A message as protobuf's JSON has it, with the names of the contract."""
    found: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return found


def write_json(value: Any, *, indent: int | None = 2) -> None:
    """Write a message or plain data as one JSON document; indent None makes it one line."""
    write(json.dumps(as_dict(value) if isinstance(value, Message) else value, indent=indent, ensure_ascii=False))


def write_table(columns: Sequence[Column], rows: Iterable[Any]) -> None:
    """Write rows under titles, two spaces between columns; nothing is cut or folded, so that names can be copied."""
    lines = [[column.title for column in columns], *([column.text(row) for column in columns] for row in rows)]
    length: Callable[[str], int] = len
    if is_terminal():
        from rich.cells import cell_len

        lines, length = [[printable(cell) for cell in line] for line in lines], cell_len
    widths = [max(length(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = (cell + " " * (width - length(cell)) for cell, width in zip(line, widths, strict=True))
        write("  ".join(cells).rstrip())


def printable(text: str) -> str:
    """Text without what a terminal would take for a command."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)


def write_fields(message: Message) -> None:
    """Write every field that is set, a line each, with its path."""
    for path, value in _leaves(as_dict(message), ""):
        write(f"{path}: {value}")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, str(value)


def word(message: Message, field: str) -> str:
    """The value of an enum field as a word: "running" for INSTANCE_STATE_RUNNING; a number when it is not known."""
    kind = message.DESCRIPTOR.fields_by_name[field].enum_type
    number = getattr(message, field)
    if kind is None or number not in kind.values_by_number:
        return str(number)
    name, zero = kind.values_by_number[number].name, kind.values_by_number[0].name
    return name.removeprefix(zero.removesuffix("UNSPECIFIED")).lower() if number else "unknown"


def when(time: Timestamp) -> str:
    """A time in UTC, to the second; empty when it is not known."""
    return clock(time.seconds, "%Y-%m-%d %H:%M:%SZ") if time.seconds else ""


def clock(seconds: float, form: str = "%H:%M:%S") -> str:
    """Seconds since 1970 as text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def binary(count: float) -> str:
    """Bytes in powers of 1024: "4 GiB"."""
    return _scaled(count, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def quantity(value: float | None, unit: str) -> str:
    """A value of a metric with its UCUM unit, for people: "12.3 %", "1.2 MB/s"; "-" when there is none."""
    if value is None:
        return "-"
    if unit == "1":
        return f"{value * 100:.1f} %"
    if unit == "By/s":
        return _scaled(value, 1000.0, ("B/s", "kB/s", "MB/s", "GB/s", "TB/s"))
    number = (
        f"{value:.4g}" if abs(value) < 10_000 else _scaled(value, 1000.0, ("", "k", "M", "G", "T")).replace(" ", "")
    )
    return f"{number} {unit.replace('{', '').replace('}', '')}".rstrip()


def _scaled(value: float, base: float, units: Sequence[str]) -> str:
    step = 0
    while abs(value) >= base and step < len(units) - 1:
        value, step = value / base, step + 1
    return f"{value:.1f}".removesuffix(".0") + f" {units[step]}"
