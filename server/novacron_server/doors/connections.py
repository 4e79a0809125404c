"""The sockets of a gRPC server: it shows them to nobody, and a stop must end them before gRPC does."""

import os
import socket
import stat
from collections.abc import Iterator


def hang_up(address: str) -> None:
    """Take no more connections at an address where this process listens, and end those that there are. Blocking.

    Whoever called over one of them and has no answer is told UNAVAILABLE by its own gRPC, which may repeat.

    Args:
        address: "127.0.0.1:7443" or "unix:/path".
    """
    with socket.socket(socket.AF_UNIX) as deaf:
        for number, own in _sockets(address):
            if own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                # gRPC goes on holding the number, and would log an error if it could not accept any longer.
                os.dup2(deaf.fileno(), number, inheritable=False)
    for _, own in _sockets(address):
        try:
            own.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other side was first.
            continue


def _sockets(address: str) -> Iterator[tuple[int, socket.socket]]:
    """Sockets of this process with that address on our side: their numbers, each with a handle for its turn only."""
    for name in os.listdir("/dev/fd"):
        try:
            handle = os.dup(int(name))
        except OSError:
            # It was closed since.
            continue
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            os.close(handle)
            continue
        with socket.socket(fileno=handle) as found:
            if _is_at(found, address):
                yield int(name), found


def _is_at(found: socket.socket, address: str) -> bool:
    own = found.getsockname()
    if found.family == socket.AF_UNIX:
        return address == f"unix:{own}"
    return found.family in (socket.AF_INET, socket.AF_INET6) and address.endswith(f":{own[1]}")
