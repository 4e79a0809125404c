"""The RPCs on providers themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from novacron.cloud.v1 import provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import (
    AlreadyExists,
    Busy,
    EtagMismatch,
    InvalidArgument,
    NotFound,
    StateInvalid,
    to_status,
)
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import provider_of
from novacron_providers.contract.paging import decode_token, encode_token, page_size
from novacron_providers.contract.secret import Secret

from novacron_server.inventory.providers import Providers, Registered
from novacron_server.inventory.reads import max_staleness
from novacron_server.state.providers import ProviderRow
from novacron_server.times import timestamp


class ProvidersService:
    """GetProvider, ListProviders, RegisterProvider, UpdateProvider, UnregisterProvider, GetCapabilities.

    `active` tells how many operations of a provider have not ended.
    """

    def __init__(self, providers: Providers, active: Callable[[str], Awaitable[int]]) -> None:
        self._providers, self._active = providers, active

    def get_provider(self, request: pb.GetProviderRequest, call: Call) -> bytes | Awaitable[bytes]:
        registered = self._providers.get(provider_of(request.name))
        health = registered.health
        if health is None or health.is_recent(call, max_staleness(request, registered.config)):
            return _shown(registered)[1]
        return self._refreshed(registered, request, call)

    async def list_providers(self, request: pb.ListProvidersRequest, call: Call) -> pb.ListProvidersResponse:
        query = Filter.parse(request.filter, provider_pb2.Provider)
        after = decode_token(request) or ""
        size = page_size(request)
        answer = pb.ListProvidersResponse()
        found = [self._providers.get(name) for name in self._providers.names() if name > after]
        await asyncio.gather(*(_refresh(registered, request, call) for registered in found))
        for registered in found:
            message = message_of(registered)
            if query.matches(message):
                if len(answer.providers) == size:
                    last = provider_of(answer.providers[-1].name)
                    answer.next_page_token = encode_token(request, last)
                    break
                answer.providers.append(message)
        return answer

    async def register_provider(self, request: pb.RegisterProviderRequest, call: Call) -> pb.RegisterProviderResponse:
        name, asked = request.provider_id, request.provider
        if not asked.kind:
            raise InvalidArgument("provider.kind is required to register", field="provider.kind")
        auth = _secrets(asked.config)
        row = ProviderRow(
            id=name,
            kind=asked.kind,
            display_name=asked.display_name,
            config=_plain(asked.config).SerializeToString(deterministic=True),
            auth=b"",
            is_default=asked.is_default,
            version=1,
            origin="rpc",
            create_time=call.clock.time(),
        )
        if name in self._providers.names():
            if not self._same(row, auth):
                raise AlreadyExists(
                    f"provider {name!r} is registered with another configuration; change it with UpdateProvider",
                    resource=f"providers/{name}",
                )
            return pb.RegisterProviderResponse(provider=message_of(self._providers.get(name)))
        registered = await self._providers.admit(row, auth, call)
        if request.validate_only:
            await _discard(registered)
            return pb.RegisterProviderResponse()
        await self._providers.add(registered)
        return pb.RegisterProviderResponse(provider=message_of(registered))

    async def update_provider(self, request: pb.UpdateProviderRequest, call: Call) -> pb.UpdateProviderResponse:
        name = provider_of(request.provider.name)
        if not name:
            raise InvalidArgument("provider.name says which provider to change", field="provider.name")
        before = self._providers.get(name)
        if before.row.origin == "config":
            raise StateInvalid(
                f"provider {name!r} is registered by the server's configuration file; change it there and restart",
                resource=f"providers/{name}",
                facts={"state": "configured"},
            )
        if request.provider.etag and request.provider.etag != _etag(before.row.version):
            raise EtagMismatch(
                "the provider was changed since its etag was read; read it, merge, repeat", resource=f"providers/{name}"
            )
        row, auth = self._merged(before, request)
        if row.config == before.row.config and auth == self._secrets_or_none(name):
            after = replace(before, row=row)
        else:
            after = await self._providers.admit(row, auth, call)
        if request.validate_only:
            if after.health is not before.health:
                await _discard(after)
            return pb.UpdateProviderResponse()
        await self._providers.change(after, before.row.version)
        return pb.UpdateProviderResponse(provider=message_of(after))

    async def unregister_provider(
        self, request: pb.UnregisterProviderRequest, call: Call
    ) -> pb.UnregisterProviderResponse:
        name = provider_of(request.name)
        try:
            registered = self._providers.get(name)
        except NotFound:
            if request.allow_missing:
                return pb.UnregisterProviderResponse()
            raise
        if registered.row.origin == "config":
            raise StateInvalid(
                f"provider {name!r} is registered by the server's configuration file; remove it there and restart",
                resource=f"providers/{name}",
                facts={"state": "configured"},
            )
        if count := await self._active(name):
            raise Busy(
                f"{count} operations run on provider {name!r}; wait for or cancel them, then repeat",
                resource=f"providers/{name}",
            )
        if not request.validate_only:
            await self._providers.remove(name)
        return pb.UnregisterProviderResponse()

    async def get_capabilities(self, request: pb.GetCapabilitiesRequest, call: Call) -> pb.GetCapabilitiesResponse:
        name = provider_of(request.name)
        answer = pb.GetCapabilitiesResponse(capabilities=self._providers.capabilities(name).values())
        health = self._providers.get(name).health
        if health and health.observed is not None:
            answer.observe_time.FromNanoseconds(round(health.observed * 1e9))
        return answer

    async def _refreshed(self, registered: Registered, request: pb.GetProviderRequest, call: Call) -> bytes:
        await _refresh(registered, request, call)
        return _shown(registered)[1]

    def _secrets_or_none(self, name: str) -> dict[str, Secret] | None:
        """Stored credentials; None when they cannot be opened, which an update may be about to mend."""
        return None if self._providers.get(name).fault else self._providers.secrets(name)

    def _same(self, row: ProviderRow, auth: dict[str, Secret]) -> bool:
        """Whether a registration asks for the provider that there is."""
        there = self._providers.get(row.id).row
        if auth != self._secrets_or_none(row.id):
            return False
        asked = (row.kind, row.display_name, row.config)
        return asked == (there.kind, there.display_name, there.config) and row.is_default in (False, there.is_default)

    def _merged(self, before: Registered, request: pb.UpdateProviderRequest) -> tuple[ProviderRow, dict[str, Secret]]:
        """The row and credentials that the mask makes of those there are."""
        asked = request.provider
        row = replace(before.row, version=before.row.version + 1)
        config = provider_pb2.ProviderConfig()
        config.CopyFrom(before.config)
        given = _secrets(asked.config)
        replaced = False
        for path in request.update_mask.paths:
            if path == "display_name":
                row = replace(row, display_name=asked.display_name)
            elif path == "is_default":
                row = replace(row, is_default=asked.is_default)
            elif path == "config":
                config.CopyFrom(_plain(asked.config))
                replaced = True
            elif path == "config.auth":
                replaced = True
            elif path.startswith("config.") and path.removeprefix("config.") in config.DESCRIPTOR.fields_by_name:
                field = path.removeprefix("config.")
                config.ClearField(field)
                config.MergeFrom(_only(asked.config, field))
            else:
                raise InvalidArgument(
                    f"{path!r} cannot be changed; these can: display_name, is_default, config, config.{{field}}",
                    field="update_mask",
                )
        # An empty map keeps what is stored.
        auth = given if replaced and given else self._providers.secrets(row.id)
        return replace(row, config=config.SerializeToString(deterministic=True)), auth


async def _discard(registered: Registered) -> None:
    if registered.health:
        await registered.health.connection.close()


async def _refresh(
    registered: Registered, request: pb.GetProviderRequest | pb.ListProvidersRequest, call: Call
) -> None:
    """Bring state and health to the age that the request, else the configuration, allows."""
    if registered.health is not None:
        await registered.health.refresh(call, max_staleness(request, registered.config))


def _etag(version: int) -> str:
    return f"v{version}"


def _secrets(config: provider_pb2.ProviderConfig) -> dict[str, Secret]:
    return {key: Secret(value) for key, value in config.auth.items()}


def _plain(config: provider_pb2.ProviderConfig) -> provider_pb2.ProviderConfig:
    """A configuration without auth."""
    plain = provider_pb2.ProviderConfig()
    plain.CopyFrom(config)
    plain.ClearField("auth")
    return plain


def _only(config: provider_pb2.ProviderConfig, field: str) -> provider_pb2.ProviderConfig:
    """One field of a configuration."""
    only = provider_pb2.ProviderConfig()
    only.CopyFrom(config)
    for other in config.DESCRIPTOR.fields_by_name:
        if other != field:
            only.ClearField(other)
    return only


def message_of(registered: Registered) -> provider_pb2.Provider:
    """A provider as the contract has it, without secrets. It is shared: not to be written to."""
    return _shown(registered)[0].provider


def _shown(registered: Registered) -> tuple[pb.GetProviderResponse, bytes]:
    """A provider as it is now, and serialised; made anew only if something of it is another than it was."""
    # Providers are asked for far more often than they change, and a message of many parts costs more than the call.
    facts, shown = registered.facts(), registered.shown
    if shown is None or shown[0] != facts:
        answer = pb.GetProviderResponse(provider=_made(registered))
        shown = registered.shown = facts, answer, answer.SerializeToString()
    return shown[1:]


def _made(registered: Registered) -> provider_pb2.Provider:
    row, health = registered.row, registered.health
    message = provider_pb2.Provider(
        name=f"providers/{row.id}",
        display_name=row.display_name,
        kind=row.kind,
        config=registered.config,
        is_default=row.is_default,
        etag=_etag(row.version),
        create_time=timestamp(row.create_time),
    )
    if health is None:
        message.state = provider_pb2.PROVIDER_STATE_UNAVAILABLE
        if registered.fault:
            message.health.error.CopyFrom(to_status(registered.fault))
        return message
    message.state = health.state()
    message.health.CopyFrom(health.message())
    if metrics := registered.metrics:
        message.health.metric_spend.CopyFrom(registered.budget.message(metrics, registered.config))
    if health.identity:
        message.native_id = health.identity.account
    if health.observed is not None:
        message.observe_time.CopyFrom(timestamp(health.observed))
    return message
