"""What can be wrong with the database."""

from novacron_providers.contract.errors import Unavailable


class StoreError(Exception):
    """The database cannot be used as it is configured; the message says why and what to do. Raised at start only."""


class StoreUnavailable(Unavailable):
    """The database did not do what it was asked; whether it kept something is not known."""
