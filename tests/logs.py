"""Logs of servers that run in a test's own process."""

import io

import structlog


def keep() -> io.StringIO:
    """Send them to memory from now on: what pytest captures would be written to a file, from the event loop."""
    lines = io.StringIO()
    render = structlog.processors.KeyValueRenderer(key_order=["event"])
    structlog.configure(
        [structlog.processors.format_exc_info, render], logger_factory=structlog.PrintLoggerFactory(lines)
    )
    return lines
