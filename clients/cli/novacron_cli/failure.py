"""What went wrong, as one sentence and an exit code; never a traceback for what is no fault of the program."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import typer
from novacron_client import CloudError, OperationFailed, Unreachable

FAILED, USAGE, UNREACHABLE, NOT_FOUND, FORBIDDEN, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130

_BY_REASON = {
    "CREDENTIALS_INVALID": FORBIDDEN,
    "CLOUD_PERMISSION_MISSING": FORBIDDEN,
    "PROVIDER_THROTTLED": UNAVAILABLE,
    "SERVER_OVERLOADED": UNAVAILABLE,
}
_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: USAGE,
    grpc.StatusCode.NOT_FOUND: NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED: FORBIDDEN,
    grpc.StatusCode.UNAUTHENTICATED: FORBIDDEN,
    grpc.StatusCode.UNAVAILABLE: UNAVAILABLE,
}


def exit_code(error: CloudError) -> int:
    """The exit code that stands for this error."""
    if isinstance(error, Unreachable):
        return UNREACHABLE
    return _BY_REASON.get(error.reason) or _BY_CODE.get(error.code, FAILED)


def sentences(error: CloudError) -> Iterator[str]:
    """The lines that tell of it: what happened first, then what helps."""
    reason = f" ({error.reason})" if error.reason else ""
    yield f"error: {error.message}{reason}"
    for field in error.fields:
        # The message has it already when there is one field only.
        if field.description not in error.message:
            yield f"  {field.field}: {field.description}"
        elif field.field not in error.message:
            yield f"  {field.field}"
    if error.retry_after is not None:
        yield f"  repeat it after {error.retry_after:g} s"
    if error.code is grpc.StatusCode.DEADLINE_EXCEEDED and not error.reason:
        yield "  give it longer with --timeout"
    if isinstance(error, Unreachable):
        yield "  start one with `novacron-cloud serve`, or name another with --server or NOVACRON_SERVER"
    if isinstance(error, OperationFailed):
        for target in error.operation.targets:
            yield f"  left in the cloud: {target.native_id or target.name}"


def tell(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def tell_of(error: CloudError) -> None:
    """Write what an error is to standard error."""
    for line in sentences(error):
        tell(line)


@contextmanager
def told() -> Iterator[None]:
    """Turn what ends a command into sentences on standard error and an exit code."""
    try:
        yield
    except CloudError as error:
        tell_of(error)
        raise typer.Exit(exit_code(error)) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        tell("interrupted")
        raise typer.Exit(INTERRUPTED) from None


def fail(sentence: str, code: int = FAILED) -> typer.Exit:
    """Tell what is wrong and give the exception that ends the command: `raise fail("...")`."""
    tell(f"error: {sentence}")
    return typer.Exit(code)
