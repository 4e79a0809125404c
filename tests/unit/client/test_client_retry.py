"""Waits between tries, and what is tried again."""

import grpc
import pytest
from novacron_client import Backoff, CloudError
from novacron_client.retry import repeatable, resumable

from tests.unit.client import scripted_server as script

Code = grpc.StatusCode


def error(code: grpc.StatusCode, *, retry_after: float | None = None, pushback: float | None = None) -> CloudError:
    return CloudError(script.status(code, retry_after=retry_after), pushback=pushback)


def test_waits_grow_to_the_limit_and_are_spread() -> None:
    backoff = Backoff(base=0.1, limit=1.0)
    for failures, longest in ((1, 0.1), (2, 0.2), (4, 0.8), (5, 1.0), (2000, 1.0)):
        waits = [backoff.wait(failures) for _ in range(200)]
        assert 0 <= min(waits) < longest / 2 < max(waits) <= longest


def test_a_wait_is_not_shorter_than_the_server_asks() -> None:
    assert Backoff(base=0.001).wait(1, error(Code.UNAVAILABLE, retry_after=7)) == 7


def test_pushback_is_the_wait() -> None:
    assert Backoff().wait(1, error(Code.UNAVAILABLE, retry_after=7, pushback=0.25)) == 0.25


@pytest.mark.parametrize(
    ("code", "pushback", "expected"),
    [
        (Code.UNAVAILABLE, None, True),
        (Code.UNAVAILABLE, 0.1, True),
        (Code.UNAVAILABLE, -1.0, False),
        (Code.RESOURCE_EXHAUSTED, None, False),
        (Code.INTERNAL, None, False),
    ],
)
def test_a_call_is_repeated_only_when_the_server_is_away(
    code: grpc.StatusCode, pushback: float | None, expected: bool
) -> None:
    assert repeatable(error(code, pushback=pushback)) is expected


@pytest.mark.parametrize(
    ("caught", "expected"),
    [
        (error(Code.UNAVAILABLE, pushback=-1.0), True),
        (error(Code.RESOURCE_EXHAUSTED, retry_after=1), True),
        (error(Code.RESOURCE_EXHAUSTED), False),
        (error(Code.CANCELLED), True),
        (CloudError(script.status(Code.CANCELLED, "SOMETHING")), False),
        (error(Code.NOT_FOUND), False),
    ],
)
def test_a_stream_is_opened_again_when_that_can_help(caught: CloudError, expected: bool) -> None:
    assert resumable(caught) is expected
