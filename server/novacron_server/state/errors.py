"""What can be wrong with the database."""

from novacron_providers.contract.errors import Unavailable


class StoreError(Exception):
    """The database cannot be used as it is configured; the message says why and what to do. Raised at start only."""


class StoreUnavailable(Unavailable):
    """The database did not do what it was asked; whether it kept something is not known."""


class SqlError(Exception):
    """The database refused a statement; the text says why, and quotes nothing that is stored."""


class Conflict(SqlError):
    """A row would break a constraint."""


class Unstorable(SqlError):
    """A text holds a NUL character, which PostgreSQL cannot keep."""


class Outage(SqlError):
    """It is the state of the database and not the work: locked, full, gone, a deadlock.

    Attributes:
        undone: Whether all that was done in the transaction is certainly undone.
    """

    def __init__(self, said: str, *, undone: bool = False) -> None:
        super().__init__(said)
        self.undone = undone
