"""A connection to the database."""

import contextlib
from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from novacron_server.state.dialect import Dialect, Purpose
from novacron_server.state.errors import SqlError

_namedtuple: Callable[..., Any] = namedtuple


class Connection:
    """A connection, for SQL as Dialect describes it; what fails raises SqlError.

    Attributes:
        lost: Whether it is of no more use, and what was done since the begin of the transaction certainly undone once
            it is closed.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.lost = False
        self._dialect = dialect
        # The texts are few, and each is translated once.
        self._sql = lru_cache(1000)(dialect.sql)
        try:
            self._raw = dialect.connect()
        except dialect.errors as error:
            raise dialect.told(error) from None

    def rows(self, sql: str, /, **values: object) -> list[Any]:
        """What a statement gives: tuples that have the columns' names as attributes."""
        return self._run(sql, values)[0]

    def row(self, sql: str, /, **values: object) -> Any:
        """The first row that a statement gives; None where there is none."""
        return next(iter(self.rows(sql, **values)), None)

    def change(self, sql: str, /, **values: object) -> int:
        """Run a statement that gives nothing, and return how many rows it changed."""
        return self._run(sql, values)[1]

    def begin(self, purpose: Purpose) -> None:
        """Begin a transaction."""
        self._command(self._dialect.begin[purpose])

    def commit(self) -> None:
        """End the transaction, and keep what was done in it."""
        self._command("commit")

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is done inside when that fails, and nothing else of the transaction."""
        self._mark("savepoint unit")
        try:
            yield
        except BaseException:
            # Why it failed says more than why that cannot be undone alone.
            with contextlib.suppress(SqlError):
                self._mark("rollback to savepoint unit")
            raise
        self._mark("release savepoint unit")

    def close(self) -> None:
        """Close it; what was not committed is undone."""
        self._raw.close()

    def _run(self, sql: str, values: dict[str, object]) -> tuple[list[Any], int]:
        try:
            cursor = self._raw.execute(self._sql(sql), values)
            if cursor.description is None:
                return [], cursor.rowcount
            make = _maker(tuple([column[0] for column in cursor.description]))
            return [make(row) for row in cursor.fetchall()], cursor.rowcount
        except self._dialect.errors as error:
            raise self._told(error) from None

    def _mark(self, sql: str) -> None:
        try:
            self._command(sql)
        except SqlError:
            # The database undid the whole transaction, as SQLite does when the disk is full; nothing may follow.
            self.lost = True
            raise

    def _command(self, sql: str) -> None:
        try:
            self._dialect.command(self._raw, sql)
        except self._dialect.errors as error:
            raise self._told(error) from None

    def _told(self, error: Exception) -> SqlError:
        self.lost = self.lost or self._dialect.lost(self._raw)
        return self._dialect.told(error, lost=self.lost)


@lru_cache(1000)
def _maker(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """What makes a row of its values."""
    make: Callable[[Any], Any] = _namedtuple("Row", names, rename=True)._make
    return make
