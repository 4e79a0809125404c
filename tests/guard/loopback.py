"""Refuse to speak to anything but this machine, and remember who tried.

`install` patches Python's sockets for every thread of a process; child processes that run Python inherit it through
sitecustomize.py beside this file. Refusals are written to a file, so that they are found wherever they happened and
whoever swallowed the error. Connections made in C (gRPC's, libpq's) are not seen: those get only addresses of ours.
"""

import ipaddress
import os
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

VARIABLE = "LOOPBACK_GUARD_REPORT"
# Taken here because a test may watch or replace os.write while a refusal is being written.
_open, _write, _close = os.open, os.write, os.close


class OutsideLoopback(RuntimeError):
    """A test tried to reach another machine."""


def is_loopback(host: object) -> bool:
    """Whether a host, as sockets take it, is certainly this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if not isinstance(name, str) or name in ("", "localhost") or name.endswith(".localhost"):
        return name is None or isinstance(name, str)
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_literal(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _refuse(what: str) -> None:
    caller = next(
        (
            frame
            for frame in reversed(traceback.extract_stack())
            if "/tests/guard/" not in frame.filename.replace("\\", "/")
            and "site-packages" not in frame.filename
            and "/lib/python" not in frame.filename
        ),
        None,
    )
    where = f", from {caller.filename}:{caller.lineno}" if caller else ""
    text = f"{what} leaves this machine{where}; tests may use loopback only"
    if report := os.environ.get(VARIABLE):
        handle = _open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write(handle, f"{text} (pid {os.getpid()}, {sys.argv[0] if sys.argv else '?'})\n".encode())
        finally:
            _close(handle)
    raise OutsideLoopback(text)


def _addressed(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Guard a method of socket whose last argument is an address."""

    def guarded(self: socket.socket, *args: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and args and isinstance(args[-1], tuple):
            address = args[-1]
            if not is_loopback(address[0]):
                _refuse(f"socket.{name}({address!r})")
        return method(self, *args)

    return guarded


def _resolving(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Guard a function that would ask a name server for its first argument."""

    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if not is_loopback(host) and not _is_literal(host):
            _refuse(f"socket.{name}({host!r})")
        return function(host, *args, **options)

    return guarded


def install() -> None:
    """Guard this process from now on."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _addressed(getattr(socket.socket, name), name))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _resolving(getattr(socket, name), name))
