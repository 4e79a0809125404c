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
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
    TimeoutError,
)

from novacron_server.state.errors import StoreError, StoreUnavailable
from novacron_server.state.schema import migrate

_logger: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.state")

T = TypeVar("T")

# A lock of PostgreSQL; any number that no other program on the same server takes.
_WRITING = 0x6E6F7662
# What PostgreSQL says to a session that it ended because it did nothing in a transaction: it was rolled back.
_CUT_WHILE_IDLE = "25P03"
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
            with connection.begin_nested():
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

    Work is a function of a SQLAlchemy Connection. It runs in the store's thread, so it must be quick and must not touch
    anything else; it may run beside others in one transaction, each in a savepoint of its own. `write` and `read`
    return once the transaction is committed (on SQLite: on the disk), and raise StoreUnavailable when the database did
    not do it, what the work raised when that failed, and InvalidArgument for a text that cannot be stored.

    Attributes:
        epoch: Identity of the database, made with it.
    """

    def __init__(self, engine: Engine, epoch: str, lock: int | None) -> None:
        self.epoch = epoch
        self._engine, self._lock = engine, lock
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
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)

    def _transact(self, units: list[_Unit]) -> None:
        try:
            lost = self._commit(units)
            if lost is not None:
                _logger.info("the database's connection was lost, and nothing done; once more", reason=_reason(lost))
                lost = self._commit(units)
            if lost is not None:
                raise lost
        except Exception as error:  # noqa: BLE001  # every one of them is told, and the thread lives on
            for unit in units:
                unit.error = error

    def _commit(self, units: list[_Unit]) -> SQLAlchemyError | None:
        """Do the work of all; gives why the connection was lost where that certainly was before the commit."""
        with self._engine.connect() as plain:
            connection = plain.execution_options(writes=any(unit.writes for unit in units))
            try:
                transaction = connection.begin()
                for unit in units:
                    unit.run(connection)
                    if connection.invalidated and isinstance(unit.error, SQLAlchemyError):
                        return unit.error
                transaction.commit()
            except DBAPIError as error:
                connection.invalidate()
                if getattr(error.orig, "sqlstate", None) == _CUT_WHILE_IDLE:
                    return error
                raise
            except BaseException:
                # After a failed COMMIT the transaction may still be open; the next batch must not join it.
                connection.invalidate()
                raise
        return None


def _answer(units: list[_Unit]) -> None:
    for unit in units:
        unit.answer()


def _translated(error: Exception) -> Exception:
    """What callers of the store are told; faults of our own SQL stay what they are."""
    if isinstance(error, DataError) and "NUL" in str(error.orig):
        return InvalidArgument("the request holds a NUL character, which cannot be stored; leave it out")
    if isinstance(error, SQLAlchemyError) and _is_outage(error):
        reason = _reason(error)
        _logger.warning("the database failed", reason=reason)
        return StoreUnavailable(
            f"the server's database did not do what it was asked ({reason}); try again", retry_after=RETRY_AFTER
        )
    return error


def _is_outage(error: SQLAlchemyError) -> bool:
    """Whether it is about the state of the database and not about the work: locked, full, gone, a deadlock."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    # The connection was lost to work before this one, or could not be had.
    return isinstance(error, PendingRollbackError | TimeoutError)


def _reason(error: SQLAlchemyError) -> str:
    """What the database itself said, on one line."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(said).split())[:200]


def _open(text: str) -> tuple[Engine, str, int | None]:
    url = _parsed(text)
    shown = url.render_as_string(hide_password=True)
    lock = _hold(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    engine = _engine(url)
    try:
        with engine.connect() as connection, connection.execution_options(writes=True).begin():
            epoch = migrate(connection)
    except Exception as error:
        engine.dispose()
        if lock is not None:
            os.close(lock)
        if isinstance(error, StoreError):
            raise StoreError(f"{shown}: {error}") from None
        if isinstance(error, SQLAlchemyError):
            raise StoreError(f"{shown}: cannot be used: {_reason(error)}") from error
        raise
    return engine, epoch, lock


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError("the database's URL cannot be read; give sqlite:///PATH or postgresql+psycopg://...") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise StoreError(
        f"{url.render_as_string(hide_password=True)}: is no database that can be used; give sqlite:///PATH or "
        "postgresql+psycopg://..."
    )


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


def _engine(url: URL) -> Engine:
    # hide_parameters: an error's text must not show what was stored.
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, pool_size=1, max_overflow=0)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            # A server that is cut off must not hold this thread for the minutes that TCP would wait.
            connect_args={
                "connect_timeout": 5,
                "tcp_user_timeout": 10_000,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "application_name": "novacron-cloud",
            },
        )
    except ModuleNotFoundError as error:
        raise StoreError(f"PostgreSQL needs {error.name}; install novacron-cloud[postgres]") from None
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    # sqlite3's own way of beginning transactions leaves out SAVEPOINT and DDL.
    connection.isolation_level = None
    for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "secure_delete=on"):
        connection.execute(f"pragma {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # Taking the lock at once: a transaction that reads first and writes later can fail between the two.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # One transaction writes at a time, as on SQLite: so positions come in the order in which they are committed, and
    # replicas never wait for each other in a circle.
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_WRITING})")


def _prepare_postgresql(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        # A replica that freezes in a transaction lets go of the lock before those that wait for it give up, and long
        # before their leases end.
        cursor.execute("set idle_in_transaction_session_timeout = '2s'")
        cursor.execute("set lock_timeout = '3s'")
        cursor.execute("set statement_timeout = '30s'")
    connection.commit()
