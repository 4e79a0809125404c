"""Providers: registered, validated, kept, changed, forgotten."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import grpc
import pytest
import pytest_asyncio
from google.protobuf import duration_pb2, field_mask_pb2
from novacron.cloud.v1 import capabilities_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError

from tests.conformance.conftest import Cloud
from tests.conformance.kinds import KINDS
from tests.conformance.native import Account

pytestmark = pytest.mark.asyncio(loop_scope="session")


def registration(
    name: str, kind: str, config: provider_pb2.ProviderConfig, **more: object
) -> pb.RegisterProviderRequest:
    provider = provider_pb2.Provider(kind=kind, config=config)
    return pb.RegisterProviderRequest(provider_id=name, provider=provider, **more)  # type: ignore[arg-type]


def changed(config: provider_pb2.ProviderConfig, **more: object) -> provider_pb2.ProviderConfig:
    other = provider_pb2.ProviderConfig()
    other.CopyFrom(config)
    other.MergeFrom(provider_pb2.ProviderConfig(**more))  # type: ignore[arg-type]
    return other


@pytest_asyncio.fixture(loop_scope="session")
async def name(client: Client) -> AsyncIterator[str]:
    """Id for a provider, or the beginning of some; they are forgotten afterwards."""
    name = f"p-{uuid.uuid4().hex[:8]}"
    yield name
    for each in await names(client):
        if each.startswith(f"providers/{name}"):
            await client.call(pb.UnregisterProviderRequest(name=each, allow_missing=True))


async def names(client: Client) -> list[str]:
    return [p.name async for p in client.list(pb.ListProvidersRequest())]


async def test_registering_signs_in_and_tells_the_account(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str, account: Account
) -> None:
    made = (await client.call(registration(name, kind, config))).provider
    assert made.name == f"providers/{name}"
    assert made.native_id == account.id
    assert f"providers/{name}" in await names(client)


async def test_secrets_are_never_returned(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str, account: Account
) -> None:
    made = await client.call(registration(name, kind, config))
    read = await client.call(pb.GetProviderRequest(name=f"providers/{name}"))
    for answer in (made, read):
        assert not answer.provider.config.auth
        assert account.secret not in str(answer)


async def test_registering_the_same_again_answers_with_what_there_is(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    first = (await client.call(registration(name, kind, config))).provider
    second = (await client.call(registration(name, kind, config))).provider
    assert (first.etag, first.create_time) == (second.etag, second.create_time)


async def test_registering_another_config_under_the_same_id_is_refused(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    await client.call(registration(name, kind, config))
    with pytest.raises(CloudError) as caught:
        await client.call(registration(name, kind, changed(config, default_region=config.regions[1])))
    assert (caught.value.code, caught.value.reason) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "RESOURCE_ALREADY_EXISTS",
    )
    assert caught.value.resource == f"providers/{name}"


async def test_wrong_credentials_are_refused_and_nothing_is_kept(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str, account: Account
) -> None:
    wrong = changed(config, auth=account.wrong_auth)
    with pytest.raises(CloudError) as caught:
        await client.call(registration(name, kind, wrong))
    assert caught.value.reason == "CREDENTIALS_INVALID"
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.metadata["native_code"]
    assert "canary" not in str(caught.value.status) and account.secret not in str(caught.value.status)
    assert f"providers/{name}" not in await names(client)


async def test_an_unreachable_cloud_is_refused_with_unavailable(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str, unused_tcp_port: int
) -> None:
    nowhere = f"{urlsplit(config.endpoint).scheme}://127.0.0.1:{unused_tcp_port}"
    gone = changed(config, endpoint=nowhere)
    gone.options.update(dict.fromkeys(KINDS[kind].addresses, nowhere))
    with pytest.raises(CloudError) as caught:
        await client.call(registration(name, kind, gone), timeout=20)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    assert caught.value.metadata["provider"] == name


async def test_an_unknown_kind_names_the_field_and_what_there_is(client: Client, name: str) -> None:
    with pytest.raises(CloudError) as caught:
        await client.call(pb.RegisterProviderRequest(provider_id=name, provider=provider_pb2.Provider(kind="ibm")))
    assert caught.value.reason == "FIELD_INVALID"
    assert [f.field for f in caught.value.fields] == ["provider.kind"]
    assert "aws" in caught.value.message


async def test_an_unknown_auth_key_names_the_field(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    with pytest.raises(CloudError) as caught:
        await client.call(registration(name, kind, changed(config, auth={"acces_key_id": "x"})))
    assert caught.value.reason == "FIELD_INVALID"
    assert caught.value.fields[0].field.startswith("config.auth")


async def test_validate_only_checks_everything_and_keeps_nothing(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    answer = await client.call(registration(name, kind, config, validate_only=True))
    assert not answer.HasField("provider")
    assert f"providers/{name}" not in await names(client)


async def test_a_request_id_gives_the_first_answer_again(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    request = registration(name, kind, config, request_id=str(uuid.uuid4()))
    first = await client.call(request)
    await client.call(pb.UnregisterProviderRequest(name=f"providers/{name}"))
    assert await client.call(request) == first
    request.provider.display_name = "another"
    with pytest.raises(CloudError) as caught:
        await client.call(request)
    assert caught.value.reason == "REQUEST_ID_REUSED"


async def test_equal_requests_at_once_are_one(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    await client.call(registration(name, kind, config))
    request = pb.UnregisterProviderRequest(name=f"providers/{name}", request_id=str(uuid.uuid4()))
    await asyncio.gather(*(client.call(request) for _ in range(5)))
    request.request_id = ""
    with pytest.raises(CloudError):
        await client.call(request)


async def test_an_update_changes_only_what_the_mask_names(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    before = (await client.call(registration(name, kind, config))).provider
    wanted = provider_pb2.Provider(name=before.name, display_name="Payroll", etag=before.etag, is_default=True)
    mask = field_mask_pb2.FieldMask(paths=["display_name"])
    after = (await client.call(pb.UpdateProviderRequest(provider=wanted, update_mask=mask))).provider
    assert (after.display_name, after.is_default) == ("Payroll", False)
    assert after.config == before.config and after.etag != before.etag
    with pytest.raises(CloudError) as caught:
        await client.call(pb.UpdateProviderRequest(provider=wanted, update_mask=mask))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_an_update_with_bad_credentials_keeps_the_good_ones(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str, account: Account
) -> None:
    await client.call(registration(name, kind, config))
    wanted = provider_pb2.Provider(
        name=f"providers/{name}",
        config=provider_pb2.ProviderConfig(auth=account.wrong_auth),
    )
    mask = field_mask_pb2.FieldMask(paths=["config.auth"])
    with pytest.raises(CloudError) as caught:
        await client.call(pb.UpdateProviderRequest(provider=wanted, update_mask=mask))
    assert caught.value.reason == "CREDENTIALS_INVALID"
    await client.call(pb.ListInstancesRequest(parent=f"providers/{name}"))


async def test_an_update_of_what_cannot_change_names_the_mask(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    await client.call(registration(name, kind, config))
    wanted = provider_pb2.Provider(name=f"providers/{name}", kind="gcp")
    with pytest.raises(CloudError) as caught:
        await client.call(
            pb.UpdateProviderRequest(provider=wanted, update_mask=field_mask_pb2.FieldMask(paths=["kind"]))
        )
    assert [f.field for f in caught.value.fields] == ["update_mask"]


async def test_the_default_provider_answers_to_its_alias(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    for each in (name, name + "-2"):
        wanted = provider_pb2.Provider(kind=kind, config=config, is_default=True)
        await client.call(pb.RegisterProviderRequest(provider_id=each, provider=wanted))
    read = (await client.call(pb.GetProviderRequest(name="providers/default"))).provider
    assert read.name == f"providers/{name}-2"
    assert not (await client.call(pb.GetProviderRequest(name=f"providers/{name}"))).provider.is_default
    for each in (name, name + "-2"):
        await client.call(pb.UnregisterProviderRequest(name=f"providers/{each}"))
    with pytest.raises(CloudError) as caught:
        await client.call(pb.GetProviderRequest(name="providers/default"))
    assert caught.value.reason == "RESOURCE_NOT_FOUND"


async def test_unregistering_forgets_the_provider(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    await client.call(registration(name, kind, config))
    gone = pb.UnregisterProviderRequest(name=f"providers/{name}")
    await client.call(gone)
    with pytest.raises(CloudError) as caught:
        await client.call(gone)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
    gone.allow_missing = True
    await client.call(gone)


async def test_a_probe_tells_state_latency_and_account(client: Client, cloud: Cloud) -> None:
    now = duration_pb2.Duration()
    found = (await client.call(pb.GetProviderRequest(name=cloud.parent, max_staleness=now))).provider
    assert found.state == provider_pb2.PROVIDER_STATE_ACTIVE
    assert {region.region for region in found.health.regions} == set(cloud.regions)
    assert all(region.latency.ToNanoseconds() > 0 for region in found.health.regions)
    assert not found.health.HasField("error")
    assert found.HasField("observe_time")


async def test_capabilities_tell_every_known_one_once(client: Client, cloud: Cloud) -> None:
    answer = await client.call(pb.GetCapabilitiesRequest(name=cloud.parent))
    told = [status.capability for status in answer.capabilities]
    known = [value for value in capabilities_pb2.Capability.values() if value]
    assert told == sorted(known)
    levels = {status.capability: status.level for status in answer.capabilities}
    assert levels[capabilities_pb2.CAPABILITY_INSTANCES] == capabilities_pb2.SUPPORT_LEVEL_NATIVE
    assert capabilities_pb2.SUPPORT_LEVEL_UNSPECIFIED not in levels.values()


async def test_providers_are_paged_and_filtered(
    client: Client, kind: str, config: provider_pb2.ProviderConfig, name: str
) -> None:
    wanted = [f"{name}-{i}" for i in range(3)]
    await asyncio.gather(*(client.call(registration(each, kind, config)) for each in wanted))
    first = await client.call(pb.ListProvidersRequest(page_size=2))
    assert len(first.providers) == 2 and first.next_page_token
    assert {f"providers/{each}" for each in wanted} <= set(await names(client))
    query = f'name = "providers/{wanted[1]}"'
    found = [p.name async for p in client.list(pb.ListProvidersRequest(filter=query))]
    assert found == [f"providers/{wanted[1]}"]


async def test_regions_have_zones(client: Client, cloud: Cloud) -> None:
    found = {r.native_id: r async for r in client.list(pb.ListRegionsRequest(parent=cloud.parent))}
    assert set(found) == set(cloud.regions)
    for region in found.values():
        assert region.name == f"{cloud.parent}/regions/{region.native_id}"
        assert region.zones and region.available


async def test_instance_types_have_their_shape(client: Client, cloud: Cloud) -> None:
    request = pb.ListInstanceTypesRequest(
        parent=cloud.parent, regions=[cloud.regions[0]], filter=f'native_id = "{cloud.instance_type}"'
    )
    (found,) = [t async for t in client.list(request)]
    assert found.vcpus > 0 and found.memory_bytes > 0
    shape = (found.vcpus, found.memory_bytes)
    assert cloud.kind.shapes.get(cloud.instance_type, shape) == shape
    assert found.name.startswith(f"{cloud.parent}/instanceTypes/")
    assert found.region == cloud.regions[0]
