"""The inventory, live: what there is, and what changes in it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from novacron.cloud.v1 import common_pb2, compute_pb2, provider_pb2, provider_service_pb2, streams_pb2

from novacron_client.follow import Follower
from novacron_client.stream import Stream

Resource = provider_pb2.Provider | compute_pb2.Instance


@dataclass(frozen=True, slots=True)
class ResourceUpdate:
    """One thing that a stream told.

    Attributes:
        resource: A Provider or Instance that is new or changed, whole; None when it is about something else.
        removed: What is gone, or meets the filter no more; None when it is about something else.
        synced: The stream's `latest` is whole now.
    """

    resource: Resource | None = None
    removed: common_pb2.ResourceRef | None = None
    synced: bool = False


class ResourceStream(Stream[ResourceUpdate]):
    """An endless stream of updates; reconnects and resumes by itself.

        async with client.watch_resources("providers/-") as stream:
            async for update in stream:
                if update.resource: ...

    Where the server no longer knew what this reader missed, it tells everything anew; here that are still the changes.

    Attributes:
        latest: Each Provider and Instance as it is now, by name.
        synced: Whether `latest` is whole: not before the first snapshot, nor while it is made anew.
    """

    def __init__(self, follower: Follower[provider_service_pb2.ResourceEvent]) -> None:
        super().__init__(follower)
        self.latest: dict[str, Resource] = {}
        self.synced = False
        # Names that came since the server began to tell everything anew; None when it does not.
        self._named: set[str] | None = None

    async def _follow(self) -> AsyncGenerator[ResourceUpdate, None]:
        async with aclosing(self._follower.events()) as events:
            async for event in events:
                kind = event.WhichOneof("event")
                if kind == "control":
                    for update in self._control(event.control):
                        yield update
                elif kind == "removed":
                    if self.latest.pop(event.removed.name, None) is not None:
                        yield ResourceUpdate(removed=event.removed)
                elif kind in ("provider", "instance"):
                    resource = event.instance if kind == "instance" else event.provider
                    if self._named is not None:
                        self._named.add(resource.name)
                    if self.latest.get(resource.name) != resource:
                        self.latest[resource.name] = resource
                        yield ResourceUpdate(resource=resource)

    def _control(self, control: streams_pb2.StreamControl) -> list[ResourceUpdate]:
        kind = control.WhichOneof("control")
        if kind == "opened":
            self.synced = False
            if not control.opened.resumed:
                self._named = set()
        elif kind == "synced":
            gone = [] if self._named is None else [self.latest.pop(n) for n in self.latest.keys() - self._named]
            self._named, self.synced = None, True
            return [*(ResourceUpdate(removed=_ref_to(resource)) for resource in gone), ResourceUpdate(synced=True)]
        return []


def _ref_to(resource: Resource) -> common_pb2.ResourceRef:
    is_instance = isinstance(resource, compute_pb2.Instance)
    return common_pb2.ResourceRef(
        name=resource.name,
        native_id=resource.native_id,
        display_name=resource.display_name,
        type=common_pb2.RESOURCE_TYPE_INSTANCE if is_instance else common_pb2.RESOURCE_TYPE_PROVIDER,
        region=resource.region if isinstance(resource, compute_pb2.Instance) else "",
    )
