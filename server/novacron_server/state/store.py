"""The database, owned by one thread: all work that waits for it is done in one transaction, then answered together."""

import asyncio
import fcntl
import os
import queue
import stat
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from novacron_providers.contract.errors import InvalidArgument

from novacron_server.state.connection import Connection
from novacron_server.state.dialect import Dialect, Purpose, Sqlite, dialect_of
from novacron_server.state.errors import Outage, SqlError, StoreError, StoreUnavailable, Unstorable
from novacron_server.state.schema import opened

_logger: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.state")

T = TypeVar("T")

# Seconds after which a caller may find the database well again.
RETRY_AFTER = 1.0


class _Unit:
    """One piece of work, who waits for it, and what came of it."""

    def __init__(self, work: Callable[[Connection], Any], writes: bool, future: asyncio.Future[Any]) -> None:
        self.work, self.writes, self.future = work, writes, future
        self.value: Any = None
        self.error: Exception | None = None

    def run(self, connection: Connection) -> None:
        """Do the work in a savepoint, so that its failure undoes nothing else."""
        self.error = None
        try:
            with connection.savepoint():
                self.value = self.work(connection)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised where the work was asked for
            self.error = error

    def answer(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(_translated(self.error))
        else:
            self.future.set_result(self.value)


class Store:
    """A database that is open.

    Work is a function of a Connection. It runs in the store's thread, so it must be quick and must not touch
    anything else; it may run beside others in one transaction, each in a savepoint of its own. `write` and `read`
    return once the transaction is committed (on SQLite: on the disk), and raise StoreUnavailable when the database did
    not do it, what the work raised when that failed, and InvalidArgument for a text that cannot be stored.

    Attributes:
        epoch: Identity of the database, made with it.
    """

    def __init__(self, dialect: Dialect, connection: Connection, epoch: str, lock: int | None) -> None:
        self.epoch = epoch
        self._dialect, self._lock = dialect, lock
        # None after a failure, until there is work again.
        self._connection: Connection | None = connection
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._closed = False
        # A daemon: a start that is refused after this must not hang.
        self._thread = threading.Thread(target=self._serve, name="novacron-state", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Open, or make, the database of a URL: sqlite:///PATH or postgresql+psycopg://...

        Brings its schema to this version. Raises StoreError when it cannot be used.
        """
        return cls(*await asyncio.to_thread(_open, url))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do work that changes something."""
        return await self._ask(work, writes=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that changes nothing."""
        return await self._ask(work, writes=False)

    async def close(self) -> None:
        """Finish what waits, then close; what is asked after that raises StoreUnavailable."""
        if not self._closed:
            self._closed = True
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _ask(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        if self._closed:
            raise StoreUnavailable("the server's database is closed because the server stops", retry_after=RETRY_AFTER)
        future: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put(_Unit(work, writes, future))
        return await future

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            batch = [self._inbox.get()]
            while not self._inbox.empty():
                batch.append(self._inbox.get())
            stopping = None in batch
            units = [unit for unit in batch if unit is not None]
            if units:
                self._transact(units)
            try:
                self._loop.call_soon_threadsafe(_answer, units)
            except RuntimeError:
                # The loop that asked has ended, so nobody waits.
                _logger.debug("nobody waits for the database's answer")
        self._discard()
        if self._lock is not None:
            os.close(self._lock)

    def _transact(self, units: list[_Unit]) -> None:
        try:
            lost = self._commit(units)
            if lost is not None:
                _logger.info("the database's connection was lost, and nothing done; once more", reason=str(lost))
                lost = self._commit(units)
            if lost is not None:
                raise lost
        except Exception as error:  # noqa: BLE001  # every one of them is told, and the thread lives on
            for unit in units:
                unit.error = error

    def _commit(self, units: list[_Unit]) -> SqlError | None:
        """Do the work of all; gives why the connection was lost where that certainly was before the commit."""
        connection = self._begun("write" if any(unit.writes for unit in units) else "read")
        committed = False
        try:
            for unit in units:
                unit.run(connection)
                if connection.lost:
                    return unit.error if isinstance(unit.error, SqlError) else Outage("the connection was lost")
            connection.commit()
            committed = True
        except Outage as error:
            if error.undone:
                return error
            raise
        finally:
            if not committed:
                # After a failed COMMIT the transaction may still be open; the next batch must not join it.
                self._discard()
        return None

    def _begun(self, purpose: Purpose) -> Connection:
        """A connection in a new transaction; one that was lost while nobody used it is made anew."""
        kept = self._connection
        connection = self._connection = kept or Connection(self._dialect)
        try:
            connection.begin(purpose)
        except SqlError:
            self._discard()
            if kept and kept.lost:
                return self._begun(purpose)
            raise
        return connection

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _answer(units: list[_Unit]) -> None:
    for unit in units:
        unit.answer()


def _translated(error: Exception) -> Exception:
    """What callers of the store are told; faults of our own SQL stay what they are."""
    if isinstance(error, Unstorable):
        return InvalidArgument("the request holds a NUL character, which cannot be stored; leave it out")
    if isinstance(error, Outage):
        _logger.warning("the database failed", reason=str(error))
        return StoreUnavailable(
            f"the server's database did not do what it was asked ({error}); try again", retry_after=RETRY_AFTER
        )
    return error


def _open(text: str) -> tuple[Dialect, Connection, str, int | None]:
    dialect = dialect_of(text)
    lock = _hold(dialect.url.database) if isinstance(dialect, Sqlite) else None
    try:
        return dialect, *opened(dialect), lock
    except Exception as error:
        if lock is not None:
            os.close(lock)
        if isinstance(error, StoreError):
            raise StoreError(f"{dialect.url}: {error}") from None
        if isinstance(error, SqlError):
            raise StoreError(f"{dialect.url}: cannot be used: {error}") from None
        raise


def _hold(path: str) -> int:
    """Make the file and its folder for this user alone, and take it for this process; gives the lock's handle."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise StoreError(f"sqlite:///{path}: is no regular file; give another database")
            # SQLite makes its other files with the mode of this one.
            os.fchmod(file, 0o600)
        finally:
            os.close(file)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"sqlite:///{path}: cannot be written: {error.strerror}; give another database") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(
            f"sqlite:///{path}: another server uses it; stop that one, or give both a PostgreSQL database"
        ) from None
    return lock
