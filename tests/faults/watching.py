"""A client that watches one operation over every death of the server, and notes what it is shown."""

import asyncio

import grpc
from novacron.cloud.v1 import operations_pb2, streams_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_client import Client

# Seconds before it connects again.
PAUSE = 0.1


class Watcher:
    """Follows an operation from where it was.

    Attributes:
        revisions: Of the operation, as they were shown.
        opened: How often the stream was opened.
        resumed: How often it went on from where it was.
        last: The operation as it was shown last.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name
        self._place: streams_pb2.StreamPosition | None = None
        self.revisions: list[int] = []
        self.opened = self.resumed = 0
        self.last = operations_pb2.Operation()

    async def follow(self) -> None:
        """Watch until the operation is done."""
        while not self.last.done:
            request = pb.WatchOperationRequest(name=self._name, resume_after=self._place)
            try:
                async for response in self._client.operations.WatchOperation(request):
                    for event in response.events:
                        self._note(event)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            if not self.last.done:
                await asyncio.sleep(PAUSE)

    @property
    def right(self) -> bool:
        """Each change was shown once and in order, to the end, and every reconnection went on where the last ended."""
        again = self.opened - 1
        return self.last.done and self.revisions == sorted(set(self.revisions)) and self.resumed >= again

    def _note(self, event: operations_pb2.OperationEvent) -> None:
        opened = event.control.opened
        if event.control.HasField("opened"):
            # Before the first event with a place there is nothing to go on from.
            self.opened += not self.opened or bool(self._place and self._place.sequence)
            self.resumed += opened.resumed
            self._place = self._place or streams_pb2.StreamPosition()
            self._place.epoch = opened.epoch
        if event.HasField("operation"):
            self.revisions.append(event.operation.revision)
            self.last = event.operation
        if event.sequence and self._place is not None:
            self._place.sequence = event.sequence
