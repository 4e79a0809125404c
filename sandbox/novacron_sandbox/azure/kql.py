"""As much of the Kusto query language as questions about counters take.

A table and then any of: where (comparisons, in, has, contains, startswith, between; joined by `and`), summarize
(avg, min, max, sum, count, arg_max with *, by columns and bin()), project, order by, take.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from novacron_sandbox.azure.errors import ArmError

Row = dict[str, Any]

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPLIT = r"""((?:[^{0}"'()]|"[^"]*"|'[^']*'|\((?:[^()"']|"[^"]*"|'[^']*'|\([^()]*\))*\))+)"""
_STAGE = re.compile(_SPLIT.format("|"))
_ITEM = re.compile(_SPLIT.format(","))
_STRING = re.compile(r""""([^"]*)"|'([^']*)'""")
_IN = re.compile(r"(\w+)\s+(!?in~?)\s*\((.*)\)", re.DOTALL)
_BETWEEN = re.compile(r"(\w+)\s+between\s*\((.*)\.\.(.*)\)", re.DOTALL)
_COMPARED = re.compile(r"(\w+)\s*(==|!=|=~|>=|<=|>|<|\bhas\b|\bcontains\b|\bstartswith\b)\s*(.+)", re.DOTALL)
_TIMESPAN = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_CALL = re.compile(r"(?:(\w+)\s*=\s*)?(\w+)\s*\((.*)\)", re.DOTALL)
_NAMED = re.compile(r"(?:(\w+)\s*=\s*)?(\w+)")

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "=~": lambda a, b: str(a).lower() == str(b).lower(),
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "has": lambda a, b: str(b).lower() in str(a).lower(),
    "contains": lambda a, b: str(b).lower() in str(a).lower(),
    "startswith": lambda a, b: str(a).lower().startswith(str(b).lower()),
}
_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "avg": lambda values: math.fsum(values) / len(values),
    "sum": math.fsum,
    "min": min,
    "max": max,
}


class Query:
    """A query: its table, and what is done with the rows."""

    def __init__(self, text: str, now: float) -> None:
        lines = [line.partition("//")[0] if line.lstrip().startswith("//") else line for line in text.splitlines()]
        stages = [stage.strip() for stage in _STAGE.findall("\n".join(lines))]
        if not stages or not re.fullmatch(r"\w+", stages[0]):
            raise trouble("The query has no table to begin with.")
        self.table, self._stages, self._now = stages[0], stages[1:], now

    def since(self) -> float | None:
        """The time before which no row can pass, as far as the first conditions say so."""
        bounds = []
        for stage in self._stages:
            if not stage.startswith("where "):
                break
            for condition in _conditions(stage.removeprefix("where ")):
                if (found := _BETWEEN.fullmatch(condition)) and found[1] == "TimeGenerated":
                    bounds.append(self._value(found[2]))
                elif (found := _COMPARED.fullmatch(condition)) and found[1] == "TimeGenerated" and ">" in found[2]:
                    bounds.append(self._value(found[3]))
        return max(bounds, default=None)

    def run(self, rows: list[Row], columns: dict[str, str]) -> tuple[list[Row], dict[str, str]]:
        """Return the rows and columns (name: type) that come of the table's."""
        for stage in self._stages:
            name, _, rest = re.sub(r"^(order|sort)\s+by\b", "sort", stage).partition(" ")
            match name:
                case "where":
                    for condition in _conditions(rest):
                        rows = self._where(condition, rows, columns)
                case "summarize":
                    rows, columns = self._summarize(rest, rows, columns)
                case "project":
                    names = {found[1] or found[2]: found[2] for found in (_named(item) for item in _items(rest))}
                    _check(names.values(), columns)
                    rows = [{new: row[old] for new, old in names.items()} for row in rows]
                    columns = {new: columns[old] for new, old in names.items()}
                case "sort":
                    for item in reversed(_items(rest)):
                        column, _, way = item.partition(" ")
                        _check([column], columns)
                        rows = sorted(rows, key=lambda row: row[column], reverse=way.strip() != "asc")
                case "take" | "limit":
                    rows = rows[: int(rest)]
                case _:
                    raise trouble(f"The sandbox does not know the operator '{name}'.")
        return rows, columns

    def _where(self, condition: str, rows: list[Row], columns: dict[str, str]) -> list[Row]:
        if found := _BETWEEN.fullmatch(condition):
            _check([found[1]], columns)
            low, high = self._value(found[2]), self._value(found[3])
            return [row for row in rows if low <= row[found[1]] <= high]
        if found := _IN.fullmatch(condition):
            column, operator, listed = found.groups()
            _check([column], columns)
            values = {a or b for a, b in _STRING.findall(listed)}
            if operator.endswith("~"):
                values = {value.lower() for value in values}
                return [row for row in rows if (str(row[column]).lower() in values) != operator.startswith("!")]
            return [row for row in rows if (row[column] in values) != operator.startswith("!")]
        if found := _COMPARED.fullmatch(condition):
            column, operator, text = found.groups()
            _check([column], columns)
            value, compare = self._value(text), _COMPARISONS[operator]
            return [row for row in rows if compare(row[column], value)]
        raise trouble(f"The sandbox does not understand the condition '{condition}'.")

    def _summarize(self, text: str, rows: list[Row], columns: dict[str, str]) -> tuple[list[Row], dict[str, str]]:
        wanted, _, by = re.sub(r"\s+by\s+", " by ", text).partition(" by ")
        keys: dict[str, Callable[[Row], Any]] = {}
        shown: dict[str, str] = {}
        for item in _items(by):
            if found := _CALL.fullmatch(item):
                column, step = _items(found[3])
                _check([column], columns)
                name, seconds = found[1] or column, _duration(step)
                keys[name] = lambda row, c=column, s=seconds: row[c] // s * s  # type: ignore[misc]  # bound now
            else:
                named = _named(item)
                name, column = named[1] or named[2], named[2]
                _check([column], columns)
                keys[name] = lambda row, c=column: row[c]  # type: ignore[misc]  # bound now
            shown[name] = columns[column]
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(key(row) for key in keys.values()), []).append(row)
        result = [dict(zip(keys, group, strict=True)) for group in groups]
        for item in _items(wanted):
            found = _CALL.fullmatch(item)
            if found is None:
                raise trouble(f"The sandbox does not understand '{item}' in summarize.")
            alias, function, argument = found.groups()
            if function == "arg_max":
                column = _items(argument)[0]
                for line, members in zip(result, groups.values(), strict=True):
                    line.update(max(members, key=lambda row: row[column]))
                shown |= columns
                continue
            name = alias or f"{function}_{argument.strip()}"
            for line, members in zip(result, groups.values(), strict=True):
                line[name] = _aggregate(function, argument.strip(), members, columns)
            shown[name] = "long" if function == "count" else columns.get(argument.strip(), "real")
        return result, shown

    def _value(self, text: str) -> Any:
        text = text.strip()
        if found := _STRING.fullmatch(text):
            return found[1] if found[1] is not None else found[2]
        if found := re.fullmatch(r"(ago|datetime|now)\((.*)\)", text):
            if found[1] == "datetime":
                moment = datetime.fromisoformat(found[2].strip("\"' ").replace("Z", "+00:00"))
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            return self._now - (_duration(found[2]) if found[1] == "ago" else 0.0)
        try:
            return float(text)
        except ValueError:
            raise trouble(f"The sandbox does not understand the value '{text}'.") from None


def trouble(message: str) -> ArmError:
    """Return Log Analytics' refusal of a query."""
    return ArmError("BadArgumentError", message)


def _aggregate(function: str, column: str, rows: list[Row], columns: dict[str, str]) -> Any:
    if function == "count":
        return len(rows)
    if function not in _AGGREGATES:
        raise trouble(f"The sandbox does not know the aggregate '{function}'.")
    _check([column], columns)
    return _AGGREGATES[function]([row[column] for row in rows])


def _conditions(text: str) -> Sequence[str]:
    """Split what is joined by `and` outside of quotes and of between's and in's own parentheses."""
    found, depth, quote, start = [], 0, "", 0
    for position, sign in enumerate(text):
        if quote or sign in "\"'":
            quote = "" if sign == quote else quote or sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif depth == 0 and re.match(r"\band\b", text[position:]) and not text[position - 1].isalnum():
            found.append(text[start:position].strip())
            start = position + 3
    return [*found, text[start:].strip()]


def _items(text: str) -> list[str]:
    return [item.strip() for item in _ITEM.findall(text) if item.strip()]


def _named(item: str) -> re.Match[str]:
    found = _NAMED.fullmatch(item)
    if found is None:
        raise trouble(f"The sandbox does not understand '{item}': a column was expected.")
    return found


def _duration(text: str) -> float:
    found = _TIMESPAN.fullmatch(text.strip())
    if found is None:
        raise trouble(f"'{text}' is not a timespan.")
    return float(found[1]) * _UNITS[found[2]]


def _check(names: Any, columns: dict[str, str]) -> None:
    for name in names:
        if name not in columns:
            raise trouble(f"'where' operator: Failed to resolve column or scalar expression named '{name}'")
