"""ClientTokens: a mutation repeated with its token is answered from memory, not carried out again."""

from collections.abc import Callable

from novacron_sandbox.aws.errors import AwsError
from novacron_sandbox.aws.wire import Answer, Request

_NOT_PART_OF_THE_REQUEST = ("ClientToken", "Version")


class ClientTokens:
    """What was answered for each (account, region, action, token). To be called by one thread at a time.

    Only success is remembered: a call that was refused may be repeated with the same token, as on AWS.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str, str], tuple[dict[str, str], Answer]] = {}

    def once(self, request: Request, account: str, carry_out: Callable[[], Answer]) -> Answer:
        """Return the remembered answer, or carry the request out and remember its success.

        Raises AwsError IdempotentParameterMismatch for a token that was used with other parameters.
        """
        token = request.form.get("ClientToken")
        if not token:
            return carry_out()
        key = (account, request.region, request.action, token)
        asked = {name: value for name, value in request.form.items() if name not in _NOT_PART_OF_THE_REQUEST}
        if key in self._answers:
            before, answer = self._answers[key]
            if before != asked:
                raise AwsError(
                    "IdempotentParameterMismatch",
                    f"Arguments on this idempotent request are inconsistent with arguments used in previous request(s)"
                    f" with the client token {token}",
                )
            return answer
        answer = carry_out()
        if answer.status == 200:
            self._answers[key] = asked, answer
        return answer

    def clear(self) -> None:
        """Forget them all."""
        self._answers.clear()
