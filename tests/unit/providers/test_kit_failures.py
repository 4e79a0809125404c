"""What failures of a cloud are told as."""

import pytest
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    CloudError,
    CredentialsInvalid,
    PermissionMissing,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from novacron_providers.kit.failures import Failures, short

FAILURES = Failures("Toy", "tenant", {CapacityUnavailable: lambda subject, text, code: f"no room for {subject}"})


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        (CredentialsInvalid, "no.", "Toy does not take the credentials: no (C1); renew them with UpdateProvider"),
        (PermissionMissing, "no.", "the credentials lack toy.get (C1): no; grant a role that has it"),
        (PermissionMissing, "", "the credentials lack toy.get (C1): Toy does not say why; grant a role that has it"),
        (Throttled, "no", "Toy throttles toy.get (C1); repeat later"),
        (Unavailable, "", "Toy does not answer toy.get: toy.get (C1)"),
        (QuotaExceeded, "no", "a quota of the tenant is used up: no (C1); raise it or free something"),
        (CapacityUnavailable, "no", "no room for toy.get"),
        (CloudError, "no.", "no (C1)"),
    ],
)
def test_a_failure_says_what_it_is_and_what_to_do(kind: type[CloudError], text: str, sentence: str) -> None:
    error = FAILURES.make(kind, "toy.get", text, "C1", {"more": "x"}, sent=True, retry_after=3.0)
    assert type(error) is kind
    assert (error.message, error.facts, error.sent) == (sentence, {"native_code": "C1", "more": "x"}, True)
    assert error.retry_after == 3.0


def test_a_missing_permission_is_named_in_place_of_the_call() -> None:
    error = FAILURES.make(PermissionMissing, "toy.get", "no", "C1", {"permission": "toy.things.read"}, sent=False)
    assert error.message.startswith("the credentials lack toy.things.read (C1)")


def test_a_text_is_one_line_and_no_longer_than_it_must_be() -> None:
    assert short(" a\n  b\t") == "a b"
    assert len(short("a" * 500)) == 400
