"""Where Azure answers: methods and paths of Microsoft's specification, and who is behind them."""

from collections.abc import Callable
from typing import NamedTuple

from novacron_sandbox.wire import Answer, Request

Handler = Callable[[Request, dict[str, str]], Answer]


class Route(NamedTuple):
    """A method and a path with its operation's name in Microsoft's specification, and who answers it."""

    method: str
    path: str
    operation: str
    answer: Handler


def match(template: str, path: str) -> dict[str, str] | None:
    """Return the names in a path of a template, in the caller's spelling; None when it is another path."""
    parts, wanted = path.split("/"), template.split("/")
    if len(parts) != len(wanted):
        return None
    names = {}
    for part, want in zip(parts, wanted, strict=True):
        if want.startswith("{"):
            names[want[1:-1]] = part
        elif part.lower() != want.lower():
            return None
    return names
