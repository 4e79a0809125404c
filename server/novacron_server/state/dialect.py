"""What SQLite and PostgreSQL, and their drivers, do differently."""

import os
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from novacron_server.state.errors import Conflict, Outage, SqlError, StoreError, Unstorable
from novacron_server.state.url import Url

# What a transaction is for.
Purpose = Literal["read", "write", "migrate"]

# A lock of PostgreSQL; any number that no other program on the same server takes.
_WRITING = 0x6E6F7662
# What PostgreSQL says to a session that it ended because it did nothing in a transaction: it was rolled back.
_CUT_WHILE_IDLE = "25P03"
# A server that is cut off must not hold the store's thread for the minutes that TCP would wait.
_PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "novacron-cloud",
}
# Of a host among a URL's options; libpq takes its port apart from it.
_HOST_AND_PORT = re.compile(r"[\w.-]*:\d+")


class Dialect(ABC):
    """A database, how it is reached, and how it is spoken to.

    SQL is written once for both: `:name` is a value, `now()` the seconds since 1970 on the database's clock, which all
    replicas share, and `each(:name)` the texts of a list in JSON. Otherwise no colon stands before a word.

    Attributes:
        name: "sqlite" or "postgresql".
        driver: As SQLAlchemy names database and driver.
        errors: Base of what the driver raises.
        settings: Statements for each new connection.
        begin: Begins a transaction.
        table: Gives a row if the table :name is there.
        phrases: What stands for what is ours in SQL.
        url: Where it is.
    """

    name: str
    driver: str
    errors: type[Exception]
    settings: Sequence[str]
    begin: Mapping[Purpose, str]
    table: str
    phrases: Mapping[str, str]

    def __init__(self, url: Url) -> None:
        self.url = url

    def connect(self) -> Any:
        """A new connection of the driver, which begins no transaction by itself; raises `errors`."""
        raw = self._reach()
        try:
            for statement in self.settings:
                raw.execute(statement)
        except BaseException:
            raw.close()
            raise
        return raw

    @abstractmethod
    def _reach(self) -> Any:
        """A connection without settings."""

    def sql(self, text: str) -> str:
        """A statement as the driver takes it."""
        for ours, theirs in self.phrases.items():
            text = text.replace(ours, theirs)
        return text

    @abstractmethod
    def command(self, raw: Any, text: str) -> None:
        """Run statements that take and give no values."""

    @abstractmethod
    def lost(self, raw: Any) -> bool:
        """Whether a connection is of no more use."""

    @abstractmethod
    def told(self, error: Any, *, lost: bool = False) -> SqlError:
        """An error of the driver as ours."""


class Sqlite(Dialect):
    """A file."""

    name = "sqlite"
    driver = "sqlite"
    errors = sqlite3.Error
    settings = tuple(
        f"pragma {pragma}" for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "secure_delete=on")
    )
    # Taking the lock at once: a transaction that reads first and writes later can fail between the two.
    begin: Mapping[Purpose, str] = {"read": "begin", "write": "begin immediate", "migrate": "begin immediate"}
    table = "select name from sqlite_master where type = 'table' and name = :name"
    phrases: Mapping[str, str] = {
        "now()": "((julianday('now') - 2440587.5) * 86400.0)",
        "each(": "select value from json_each(",
    }

    def __init__(self, url: Url) -> None:
        super().__init__(url)
        try:
            # Seconds to wait for another program's lock.
            self._timeout = float(url.options.get("timeout", ["5"])[-1])
        except ValueError:
            raise StoreError(f"{url}: timeout is no number of seconds") from None
        if others := url.options.keys() - {"timeout"}:
            raise StoreError(f"{url}: has no option {min(others)}, only timeout")

    def _reach(self) -> sqlite3.Connection:
        path = os.path.abspath(self.url.database)
        # sqlite3's own way of beginning transactions leaves out SAVEPOINT and DDL.
        return sqlite3.connect(path, timeout=self._timeout, isolation_level=None, check_same_thread=False)

    def command(self, raw: Any, text: str) -> None:
        raw.execute(text)

    def lost(self, raw: Any) -> bool:
        return False

    def told(self, error: Any, *, lost: bool = False) -> SqlError:
        said = _line(error)
        if lost or isinstance(error, sqlite3.OperationalError | sqlite3.InterfaceError):
            return Outage(said)
        return Conflict(said) if isinstance(error, sqlite3.IntegrityError) else SqlError(said)


class Postgresql(Dialect):
    """A database of a server, for several replicas at once."""

    name = "postgresql"
    driver = "postgresql+psycopg"
    # A replica that freezes in a transaction lets go of the lock before those that wait for it give up, and long before
    # their leases end.
    settings = (
        "set idle_in_transaction_session_timeout = '2s'; set lock_timeout = '3s'; set statement_timeout = '30s'",
    )
    # One transaction writes at a time, as on SQLite: so positions come in the order in which they are committed, and
    # replicas never wait for each other in a circle. What a migration imports in between may take a busy machine long,
    # and no lease depends on its transaction.
    begin: Mapping[Purpose, str] = {
        "read": "begin",
        "write": f"begin; select pg_advisory_xact_lock({_WRITING})",
        "migrate": (
            f"begin; select pg_advisory_xact_lock({_WRITING}); set local idle_in_transaction_session_timeout = '30s'"
        ),
    }
    table = "select relname from pg_class where oid = to_regclass(:name)"
    phrases: Mapping[str, str] = {
        # PostgreSQL's own now() would be the begin of the transaction.
        "now()": "cast(extract(epoch from clock_timestamp()) as double precision)",
        "each(": "select json_array_elements_text(",
    }

    def __init__(self, url: Url) -> None:
        super().__init__(url)
        try:
            import psycopg
        except ImportError as error:
            raise StoreError(f"PostgreSQL needs {error.name or error}; install novacron-cloud[postgres]") from None
        self._psycopg = psycopg
        self.errors = psycopg.Error

    def conninfo(self) -> str:
        """The URL, and how long to wait for an answer, as libpq takes it; raises `errors` for an unknown option."""
        url = self.url
        said: dict[str, Any] = {
            "user": url.user,
            "password": url.password,
            "host": url.host,
            "port": url.port,
            "dbname": url.database,
            **{option: values[-1] for option, values in url.options.items()},
        }
        if hosts := url.options.get("host"):
            pairs = [host.rpartition(":") if _HOST_AND_PORT.fullmatch(host) else (host, "", "") for host in hosts]
            said["host"] = ",".join(host for host, _, _ in pairs)
            if any(port for _, _, port in pairs):
                said["port"] = ",".join(port for _, _, port in pairs)
        said = {option: value for option, value in said.items() if value}
        return self._psycopg.conninfo.make_conninfo(**said | _PATIENCE)

    def _reach(self) -> Any:
        return self._psycopg.connect(self.conninfo(), autocommit=True)

    def sql(self, text: str) -> str:
        return re.sub(r":(\w+)", r"%(\1)s", super().sql(text).replace("%", "%%"))

    def command(self, raw: Any, text: str) -> None:
        # Several at once cannot be prepared, and one has nothing that would be worth it.
        raw.execute(text, prepare=False)

    def lost(self, raw: Any) -> bool:
        return bool(raw.closed)

    def told(self, error: Any, *, lost: bool = False) -> SqlError:
        # Its other lines quote rows, and so does this one when a value is the fault.
        said = _line(error.diag.message_primary or error)
        undone = error.sqlstate == _CUT_WHILE_IDLE
        if lost or undone or isinstance(error, self._psycopg.OperationalError | self._psycopg.InterfaceError):
            return Outage(said, undone=undone)
        if isinstance(error, self._psycopg.DataError):
            return Unstorable(said) if "NUL" in said and not error.sqlstate else SqlError(type(error).__name__)
        return Conflict(said) if isinstance(error, self._psycopg.IntegrityError) else SqlError(said)


def dialect_of(text: str) -> Dialect:
    """The database of a URL; raises StoreError for one that cannot be used."""
    url = Url.parse(text)
    if url.scheme.partition("+")[0] == "postgresql":
        return Postgresql(url)
    if url.scheme == "sqlite" and not url.host and url.database not in ("", ":memory:"):
        return Sqlite(url)
    raise StoreError(f"{url}: is no database that can be used; give sqlite:///PATH or postgresql+psycopg://...")


def _line(said: object) -> str:
    return " ".join(str(said).split())[:200]
