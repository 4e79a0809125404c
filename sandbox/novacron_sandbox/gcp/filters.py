"""Filters of lists, in the language that Compute Engine and Monitoring share, as far as its terms are joined by AND."""

import re
from collections.abc import Callable
from typing import NamedTuple

_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s()=!:,"<>]+'
_TERM = re.compile(rf"\s*(?:AND\s+)?([\w.]+)\s*(!=|=|:)\s*(?:([\w.]+)\(([^()]*)\)|({_VALUE}))")
_FUNCTIONS: dict[str, Callable[[str, list[str]], bool]] = {
    "": lambda value, given: value == given[0],
    "one_of": lambda value, given: value in given,
    "starts_with": lambda value, given: value.startswith(given[0]),
}


class Term(NamedTuple):
    """One comparison; `function` is empty for a plain value."""

    field: str
    operator: str
    function: str
    values: list[str]

    def holds(self, found: object) -> bool:
        """Say whether a field has what is wanted; None: there is no such field."""
        value = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
        if self.operator == ":":
            return found is not None and (self.values[0] == "*" or self.values[0] in value)
        return _FUNCTIONS[self.function](value, self.values) == (self.operator == "=")


class Filter:
    """A filter, parsed. Raises ValueError for what it cannot read."""

    def __init__(self, text: str) -> None:
        self.terms: list[Term] = []
        text = text.strip()
        while text:
            found = _TERM.match(text)
            if found is None or (found[3] or "") not in _FUNCTIONS:
                raise ValueError(f"{text!r} cannot be read; the sandbox knows terms of =, != and : that AND joins")
            values = re.findall(_VALUE, found[5] or found[4])
            if not values:
                raise ValueError(f"{found[3]} has no values")
            self.terms.append(Term(found[1], found[2], found[3] or "", [_plain(value) for value in values]))
            text = text[found.end() :].lstrip()

    def passes(self, read: Callable[[str], object]) -> bool:
        """Say whether all terms hold; `read` returns a field ("labels.env"), or None when there is none."""
        return all(term.holds(read(term.field)) for term in self.terms)


def _plain(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token
