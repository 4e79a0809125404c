"""Filters of lists, in the language that Compute Engine and Monitoring share: terms, AND, OR, NOT and brackets."""

import re
from collections.abc import Callable
from typing import NamedTuple

# Reads a field ("labels.env", "resource.labels.zone") of what is filtered; None: it has no such field.
Read = Callable[[str], object]
Passes = Callable[[Read], bool]

_TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<mark>!=|[=:(),])|(?P<word>[^\s()=!:,"<>]+))')
_FUNCTIONS: dict[str, Callable[[str, list[str]], bool]] = {
    "one_of": lambda value, given: value in given,
    "starts_with": lambda value, given: value.startswith(given[0]),
    "ends_with": lambda value, given: value.endswith(given[0]),
    "has_substring": lambda value, given: given[0] in value,
    "monitoring.regex.full_match": lambda value, given: re.fullmatch(given[0], value) is not None,
}


class Term(NamedTuple):
    """One comparison; `function` is empty for a plain value."""

    field: str
    operator: str
    function: str
    values: list[str]


class Filter:
    """A filter, parsed. Raises ValueError for what it cannot read."""

    def __init__(self, text: str) -> None:
        self.terms: list[Term] = []
        self._tokens = _tokens(text)
        self._at = 0
        self.passes: Passes = self._all() if text.strip() else lambda read: True
        if self._at < len(self._tokens):
            raise ValueError(f"unexpected {self._tokens[self._at]!r}")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise ValueError("it ends too early")
        self._at += 1
        return token

    def _all(self) -> Passes:
        parts = [self._any()]
        while self._peek() not in ("", ")"):
            if self._peek() == "AND":
                self._next()
            parts.append(self._any())
        return lambda read: all(part(read) for part in parts)

    def _any(self) -> Passes:
        parts = [self._one()]
        while self._peek() == "OR":
            self._next()
            parts.append(self._one())
        return lambda read: any(part(read) for part in parts)

    def _one(self) -> Passes:
        if self._peek() in ("NOT", "-"):
            self._next()
            inner = self._one()
            return lambda read: not inner(read)
        if self._peek() == "(":
            self._next()
            inner = self._all()
            if self._next() != ")":
                raise ValueError("a bracket is not closed")
            return inner
        return self._comparison()

    def _comparison(self) -> Passes:
        field, operator, value = self._next(), self._next(), self._next()
        if operator not in ("=", "!=", ":", "eq", "ne"):
            raise ValueError(f"operator {operator!r} is not known")
        function, values = "", [_plain(value)]
        if self._peek() == "(" and value in _FUNCTIONS:
            function, values = value, []
            while self._next() != ")":
                values.append(_plain(self._next()))
                if self._peek() not in (",", ")"):
                    raise ValueError(f"the values of {value} are not closed")
        term = Term(field, operator, function, values)
        self.terms.append(term)
        return lambda read: _holds(term, read(field))


def _holds(term: Term, found: object) -> bool:
    value = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
    wanted = term.values[0] if term.values else ""
    if term.function:
        equal = _FUNCTIONS[term.function](value, term.values)
    elif term.operator == ":":
        return found is not None and (wanted == "*" or wanted in value)
    elif term.operator in ("eq", "ne"):
        equal = re.fullmatch(wanted, value) is not None
    else:
        equal = value == wanted
    return equal if term.operator in ("=", "eq", ":") else not equal


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"{text[at:]!r} cannot be read")
        found.append(token[0].strip())
        at = token.end()
    return found


def _plain(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token
