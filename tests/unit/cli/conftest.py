"""The command line against grpc_testing's channel: a test says what is answered, and sees what was asked."""

import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import status_pb2
from novacron_cli.commands import app
from novacron_client import Backoff, Client
from typer.testing import CliRunner, Result

from tests.unit.client import scripted_server as script
from tests.unit.client.fake_channel import AioChannel

Answer = Callable[[AioChannel], Any]


def answer(request: type[Message], response: Message) -> Answer:
    """Take one call with that request and answer it."""
    return lambda channel: channel.answer(request, response)


def refuse(request: type[Message], error: status_pb2.Status) -> Answer:
    """Take one call with that request and refuse it."""
    code = next(code for code in grpc.StatusCode if code.value[0] == error.code)
    return lambda channel: channel.answer(
        request, code=code, details=error.message, trailers=script.trailers(error, "-1")
    )


def stream(request: type[Message], *responses: Message, end: bool = True) -> Answer:
    """Take one call with that request and stream the responses; without `end` it stays open."""

    def play(channel: AioChannel) -> Any:
        got, call = channel.take(request)
        for response in responses:
            call.send_response(response)
        if end:
            call.terminate((), grpc.StatusCode.OK, "")
        return got

    return play


def refuse_stream(request: type[Message], error: status_pb2.Status) -> Answer:
    """Take one call with that request that is to stream, and refuse it."""
    code = next(code for code in grpc.StatusCode if code.value[0] == error.code)

    def play(channel: AioChannel) -> Any:
        got, call = channel.take(request)
        call.terminate(script.trailers(error, "-1"), code, error.message)
        return got

    return play


class Terminal:
    """Runs commands.

    Attributes:
        asked: The requests that were sent, in order.
        servers: The addresses that were connected to.
    """

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.servers: list[str] = []
        self._channel = AioChannel()

    def run(self, *arguments: str, answers: tuple[Answer, ...] = (), **environment: str) -> Result:
        """Run `novacron-cloud` with those arguments, its calls answered one after the other."""

        def serve() -> None:
            for give in answers:
                self.asked.append(give(self._channel))

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        result = CliRunner(env=environment).invoke(app, list(arguments), obj=self._connect)
        server.join(5)
        assert not server.is_alive(), f"{len(self.asked)} of {len(answers)} calls came: {result.output}"
        return result

    def _connect(self, address: str) -> Client:
        self.servers.append(address)
        double: Any = self._channel
        return Client(double, address=address, backoff=Backoff(base=0.001, limit=0.002))


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()
