"""A fleet that was there before: many machines at once, named, of several types, with hours behind them."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

_SHARES = {"web": 6, "api": 5, "worker": 4, "cache": 2, "db": 2, "batch": 1}
_LINE = [role for role, share in _SHARES.items() for _ in range(share)]
_HISTORY = 3 * 3600.0
_DAY = 86400.0


class Member(NamedTuple):
    """One machine of a fleet; `age` is seconds since it was made, three hours to three days."""

    number: int
    name: str
    kind: str
    labels: dict[str, str]
    age: float


def members(kinds: Mapping[str, str], have: int, count: int) -> Iterator[Member]:
    """Yield the next `count` machines of a fleet of `have`; `kinds` are the machine types of its roles."""
    for number in range(have, have + count):
        # A stride that shares no factor with the line mixes the roles.
        role = _LINE[number * 7 % len(_LINE)]
        name = f"{role}-{number:03d}"
        share = int.from_bytes(blake2b(name.encode(), digest_size=2).digest(), "big") / 65536
        labels = {"role": role, "env": ("prod", "prod", "staging")[number % 3]}
        yield Member(number, name, kinds[role], labels, _HISTORY + share * (3 * _DAY - _HISTORY))
