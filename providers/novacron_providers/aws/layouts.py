"""XML of many items, read by their layouts.

A parser calls back two or three times for each element. Here an item is cut into tags and texts at once, all its tags
together are looked up, and what was found out about them the first time says which of its texts are wanted. Only plain
elements and text are read so; a document with anything else in it is left to a parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# Layouts that are kept, of some 10 KiB each. To look at a new one takes as long as a parser does: a document with more
# new ones is left to that.
KEPT, NEW = 512, 100

# All bytes but the ends of tags, what XML does not allow, and a carriage return, which is not read as it stands.
_PLAIN = bytes({*range(0x20, 0x100), *b"\t\n"} - {*b"<>"})
# Further characters that XML does not allow.
_NEVER = "\ufffe\uffff"
_SPACE = " \t\n"
_REFERENCE = re.compile(r"&(?:(\w+);)?", re.ASCII)
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
# Behind the texts of a run there is an empty one.
_EMPTY = -1


class Place(NamedTuple):
    """What is wanted of an element, by the elements in it.

    Attributes:
        texts: Name of a text, and what makes its value.
        places: Name of a structure or list, empty for an item of a list; dict or list; what is wanted of that.
    """

    texts: dict[str, tuple[str, Callable[[str], Any]]]
    places: dict[str, tuple[str, type, Place]]

    @classmethod
    def of(cls, kind: Any) -> Place:
        """Of a structure, {element: (name, kind)}, or a list, [kind of its items]; other kinds make values of texts."""
        members = {"item": ("", kind[0])} if type(kind) is list else kind
        inner = {element: (name, kind) for element, (name, kind) in members.items() if type(kind) in (dict, list)}
        return cls(
            {element: member for element, member in members.items() if element not in inner},
            {element: (name, type(kind), cls.of(kind)) for element, (name, kind) in inner.items()},
        )


class _Structure(NamedTuple):
    """Where the members of a structure are among the texts of a run; of two of one name the last counts.

    Attributes:
        texts: Names of those that are taken as they are, and where they are.
        values: Names of the others, where the texts are, and what makes values of them.
        inner: Names of structures and lists of structures, and those.
    """

    texts: list[tuple[str, int]]
    values: list[tuple[str, int, Callable[[str], Any]]]
    inner: list[tuple[str, _Structure | list[_Structure]]]

    @classmethod
    def empty(cls) -> _Structure:
        return cls([], [], [])

    def read(self, of: Sequence[str]) -> dict[str, Any]:
        texts, values, inner = self
        found: dict[str, Any] = {name: of[place] for name, place in texts}
        for name, place, make in values:
            found[name] = make(of[place])
        for name, kind in inner:
            found[name] = kind.read(of) if isinstance(kind, _Structure) else [item.read(of) for item in kind]
        return found


class _Layout(NamedTuple):
    """What is in a run of tags: members of the whole document, and items."""

    rest: _Structure
    items: list[_Structure]


class Layouts:
    """Reads documents of one kind.

    Args:
        root: The element that is a whole document.
        place: What is wanted of it.
        path: The elements that lead from the root to the list of items. What else is in them is not read.
    """

    def __init__(self, root: str, place: Place, path: Sequence[str]) -> None:
        self._opening = re.compile(
            rf'(?:<\?xml version="1\.0"(?: encoding="(?i:utf-8)")?\?>\s*)?<{root}(?: xmlns="[^"<>&]*")?>', re.ASCII
        )
        self._closing = f"</{root}>"
        self._first = re.compile(rf"<{path[-1]}>\s*(<item>\s*<\w+>)", re.ASCII)
        self._place, self._path = place, [*path]
        self._known: dict[tuple[str, bool, bool], _Layout] = {}

    def read(self, body: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        """All items, and what else is wanted of the document; None for what is left to a parser.

        Raises ValueError for what cannot be a text, or is no value of its kind.
        """
        # Tags and texts take turns: no end of a tag is in a text, or in what is quoted.
        if body.translate(None, _PLAIN) != b"<>" * body.count(b"<"):
            return None
        text = body.decode().rstrip(_SPACE)
        opening = self._opening.match(text)
        if opening is None or not text.endswith(self._closing) or any(character in text for character in _NEVER):
            return None
        text = text[opening.end() : -len(self._closing)]
        # A run begins where an item does, if all begin as the first one.
        first = self._first.search(text)
        begin = first[1] if first else ""
        runs = text.split(begin) if begin else [text]
        items: list[dict[str, Any]] = []
        rest: dict[str, Any] = {}
        new = 0
        for number, run in enumerate(runs):
            parts = (begin + run if number else run).replace(">", "<").split("<")
            key = "<".join(parts[1::2]), number > 0, number == len(runs) - 1
            layout = self._known.get(key)
            if layout is None:
                new += 1
                layout = self._look(*key) if new <= NEW else None
                if layout is None:
                    return None
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[key] = layout
            texts = [*parts[::2], ""]
            if "&" in run:
                texts = [_REFERENCE.sub(_character, text) for text in texts]
            rest |= layout.rest.read(texts)
            items += [item.read(texts) for item in layout.items]
        return items, rest

    def _look(self, tags: str, within: bool, last: bool) -> _Layout | None:
        """What is in tags of one item at most.

        They begin `within` the list or else in the root, and end in the root if they are the `last`, else in the list.
        None when they do not, or are not the tags of plain elements.
        """
        layout = _Layout(_Structure.empty(), [])
        # Elements that are open; and around the one that is looked into, what is wanted and where it goes.
        names: list[str] = []
        place: Place = self._place
        into: Any = layout.rest
        around: list[tuple[Place, Any]] = []
        # How many elements are open that are of no interest.
        below = 0

        def enter(element: str) -> None:
            nonlocal place, into
            names.append(element)
            around.append((place, into))
            name, kind, place = place.places[element]
            made: Any = _Structure.empty() if kind is dict else []
            if names == self._path:
                made = layout.items
            elif names != self._path[: len(names)]:
                if name:
                    into.inner.append((name, made))
                else:
                    into.append(made)
            into = made

        if within:
            for element in self._path:
                enter(element)
        elements, places = _spread(tags)
        following = iter([*elements[1:], ""])
        turns = zip(elements, places, following, strict=False)
        for element, text, after in turns:
            if element.startswith("/"):
                if not names or names.pop() != element[1:]:
                    return None
                if below:
                    below -= 1
                else:
                    place, into = around.pop()
            elif not (element.isascii() and element.isidentifier()):
                return None
            elif not below and element in place.places:
                enter(element)
            elif after == f"/{element}":
                next(turns)
                if not below and element in place.texts:
                    name, make = place.texts[element]
                    if make is str:
                        into.texts.append((name, text))
                    else:
                        into.values.append((name, text, make))
            elif not below and element in place.texts:
                return None
            else:
                names.append(element)
                below += 1
        is_run = not below and names == ([] if last else self._path) and len(layout.items) <= 1
        return layout if is_run else None


def _spread(tags: str) -> tuple[list[str], list[int]]:
    """Tags, and where the text after each is; an element that is one tag becomes two."""
    found = tags.split("<")
    places = [*range(1, len(found) + 1)]
    if "/<" in tags or tags.endswith("/"):
        for at in reversed([at for at, tag in enumerate(found) if tag.endswith("/")]):
            found[at : at + 1] = found[at][:-1], f"/{found[at][:-1]}"
            places[at : at + 1] = _EMPTY, _EMPTY
    return found, places


def _character(reference: re.Match[str]) -> str:
    try:
        return _CHARACTERS[reference[1]]
    except KeyError:
        raise ValueError(f"{reference[0]} is read by a parser only") from None
