"""Long-running changes: durable over restarts, nothing sent twice, watchable."""

from novacron_server.operations.service import Operations

__all__ = ["Operations"]
