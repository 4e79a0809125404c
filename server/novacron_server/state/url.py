"""The URL of a database."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from novacron_server.state.errors import StoreError

# A password may hold anything but an @, which a user's name may hold as well.
_FORM = re.compile(
    r"""
    (?P<scheme>[\w+]+)://
    ((?P<user>[^:/]*)(:(?P<password>[^@]*))?@)?
    (\[(?P<address>[^\]/?]+)\]|(?P<host>[^:/?]+))?
    (:(?P<port>\d*))?
    (/(?P<database>[^?]*))?
    (\?(?P<options>.*))?
    """,
    re.VERBOSE,
)


class Url(NamedTuple):
    """A database's URL in its parts, decoded; what it does not say is empty.

    Attributes:
        scheme: "sqlite", "postgresql+psycopg".
        database: Path of a file, or name of a database.
        options: All values of each, in order.
    """

    scheme: str
    user: str
    password: str
    host: str
    port: str
    database: str
    options: Mapping[str, Sequence[str]]

    @classmethod
    def parse(cls, text: str) -> "Url":
        """Raises StoreError for what is no URL, without repeating it: it may hold a password."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise StoreError("the database's URL cannot be read; give sqlite:///PATH or postgresql+psycopg://...")
        return cls(
            scheme=found["scheme"],
            user=unquote(found["user"] or ""),
            password=unquote(found["password"] or ""),
            host=found["address"] or found["host"] or "",
            port=found["port"] or "",
            database=unquote(found["database"] or ""),
            options=parse_qs(found["options"] or ""),
        )

    def __str__(self) -> str:
        """The URL without its password and options."""
        user = f"{self.user}{':***' if self.password else ''}@" if self.user or self.password else ""
        return f"{self.scheme}://{user}{self.host}{self.port and ':'}{self.port}/{self.database}"
