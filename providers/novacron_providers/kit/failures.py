"""What failures of a cloud are told as: errors of the tree, each with a sentence that says what to do next."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from novacron_providers.contract.errors import (
    CloudError,
    CredentialsInvalid,
    PermissionMissing,
    QuotaExceeded,
    Throttled,
    Unavailable,
)

# A sentence about (what was asked for, the cloud's text, the cloud's code).
Sentence: TypeAlias = Callable[[str, str, str], str]


def short(text: str) -> str:
    """A cloud's text on one line, 400 characters at most."""
    return " ".join(text.split())[:400]


def plain(subject: str, text: str, code: str) -> str:
    """The sentence of a failure that has no other: what the cloud says, with its code."""
    return f"{text.rstrip('.') or subject} ({code})"


class Failures:
    """Makes the errors of one cloud.

    Args:
        cloud: What it is called in sentences.
        account: What it calls an account.
        sentences: Those that only this cloud has, and those that it has in another way.
    """

    def __init__(self, cloud: str, account: str, sentences: Mapping[type[CloudError], Sentence]) -> None:
        self._sentences: Mapping[type[CloudError], Sentence] = {
            CredentialsInvalid: lambda subject, text, code: (
                f"{cloud} does not take the credentials: {plain(subject, text, code)}; renew them with UpdateProvider"
            ),
            PermissionMissing: lambda subject, text, code: (
                f"the credentials lack {subject} ({code}): {text.rstrip('.') or f'{cloud} does not say why'}; "
                "grant a role that has it"
            ),
            Throttled: lambda subject, text, code: f"{cloud} throttles {subject} ({code}); repeat later",
            Unavailable: lambda subject, text, code: f"{cloud} does not answer {subject}: {plain(subject, text, code)}",
            QuotaExceeded: lambda subject, text, code: (
                f"a quota of the {account} is used up: {plain(subject, text, code)}; raise it or free something"
            ),
            **sentences,
        }

    def make(
        self,
        kind: type[CloudError],
        action: str,
        text: str,
        code: str,
        facts: Mapping[str, str],
        *,
        sent: bool,
        retry_after: float | None = None,
    ) -> CloudError:
        """An error about an action, or about the permission among its facts; `code` is the cloud's own."""
        sentence = self._sentences.get(kind, plain)
        return kind(
            sentence(facts.get("permission") or action, text, code),
            facts={"native_code": code, **facts},
            retry_after=retry_after,
            sent=sent,
        )
