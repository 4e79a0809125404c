"""Resource names: "providers/{provider}/{collection}/{id}".

{id} holds all that is needed to find the resource in its cloud: scope parts, percent-encoded, joined by "~", as in
"us-east-1~i-0abc". So a name resolves without a database, and a cloud's identifier maps back to a name.
"""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from novacron_providers.contract.errors import InvalidArgument

WILDCARD = "-"
PROVIDER_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
# Parts with nothing to escape; quote() finds that out six times as slowly, for each name in a list of thousands.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")


class ResourceName(NamedTuple):
    """A parsed name: `ResourceName("aws", "instances", ("us-east-1", "i-0abc"))`."""

    provider: str
    collection: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"providers/{self.provider}/{self.collection}/{'~'.join(map(_escaped, self.parts))}"


def _escaped(part: str) -> str:
    # quote() leaves "~" as it is, and it is what joins the parts.
    return part if _PLAIN.fullmatch(part) else quote(part, safe="").replace("~", "%7E")


def parse(name: str, collection: str, parts: int, *, field: str = "name") -> ResourceName:
    """Parse a name of `collection` whose id has that many scope parts.

    Raises InvalidArgument, naming `field`, for anything else.
    """
    split = name.split("/")
    if len(split) == 4 and split[0] == "providers" and split[2] == collection and split[1] and split[3]:
        found = tuple(unquote(p) for p in split[3].split("~"))
        if len(found) == parts and all(found):
            return ResourceName(split[1], collection, found)
    shape = "~".join(["{part}"] * parts)
    raise InvalidArgument(f"{name!r} is not of the form providers/{{provider}}/{collection}/{shape}", field=field)


def provider_of(name: str) -> str:
    """Provider id in a name or parent; empty when the text is neither."""
    split = name.split("/", 2)
    return split[1] if len(split) > 1 and split[0] == "providers" else ""
