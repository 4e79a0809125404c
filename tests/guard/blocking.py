"""Find calls that block the event loop, also those whose error somebody swallowed."""

import traceback
from collections.abc import Callable

from blockbuster import BlockBuster, blockbuster

# A call is judged when code of these packages is on the stack: what pytest, coverage and a test's own body do in the
# loop slows down nobody but the test.
OURS = ["novacron_client", "novacron_cli", "novacron_providers", "novacron_server"]


class BlockedLoop(blockbuster.BlockingError):
    """Reports itself when it is raised, because what is raised may never arrive."""

    report: Callable[[str], None]

    def __init__(self, func: str) -> None:
        super().__init__(func)
        frames = [frame for frame in traceback.extract_stack() if any(f"/{name}/" in frame.filename for name in OURS)]
        where = f", from {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        self.report(f"{func} blocks the event loop{where}; move it to a thread")


_watch = BlockBuster(OURS)


def install(report: Callable[[str], None]) -> None:
    """Watch the event loops of this process until `remove`; `report` gets a line for each offence."""
    BlockedLoop.report = staticmethod(report)
    blockbuster.BlockingError = BlockedLoop  # type: ignore[misc]  # blockbuster has no other way to tell of an offence
    _watch.activate()


def remove() -> None:
    """Stop watching: an interpreter that ends with patched built-in types crashes."""
    _watch.deactivate()
