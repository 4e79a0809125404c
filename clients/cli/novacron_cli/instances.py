"""Commands for virtual machines."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from novacron.cloud.v1 import operations_pb2
from novacron.cloud.v1.common_pb2 import RESOURCE_TYPE_INSTANCE
from novacron.cloud.v1.compute_pb2 import BootDiskSpec, Instance, InstanceSpec, NetworkInterfaceSpec
from novacron.cloud.v1.provider_service_pb2 import (
    CreateInstanceRequest,
    DeleteInstanceRequest,
    GetInstanceRequest,
    ListInstancesRequest,
    ListInstanceTypesRequest,
    ListRegionsRequest,
    RestartInstanceRequest,
    StartInstanceRequest,
    StopInstanceRequest,
    StopMode,
)
from novacron_client import CloudError, Operation, ResourceStream, ResourceUpdate

from novacron_cli.arguments import (
    FilterOption,
    LimitOption,
    ProviderOption,
    RegionsOption,
    RequestIdOption,
    ValidateOption,
    content,
    pairs,
    provider_name,
)
from novacron_cli.connection import connection_told
from novacron_cli.durations import duration
from novacron_cli.failure import tell, tell_of
from novacron_cli.inventory import COLUMNS, Inventory, address_of, line
from novacron_cli.output import Column, Format, as_dict, binary, word, write, write_json
from novacron_cli.progress import Progress
from novacron_cli.session import Session, command
from novacron_cli.terminal import Terminal, can_draw

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

GIB = 1 << 30
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="providers/{provider}/instances/{id}")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME", help="providers/{provider}/instances/{id}")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done, or only start it.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Cut the power: the guest is not asked.")]


@command(app, "list")
async def list_instances(
    session: Session,
    *,
    provider: ProviderOption = "-",
    region: RegionsOption = [],  # noqa: B006  # typer copies it
    filter: FilterOption = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="Also those that are gone and still known.")] = False,
    limit: LimitOption = 0,
) -> None:
    """List instances. What cannot be read is told, and the exit code is 1 then."""
    request = ListInstancesRequest(
        parent=provider_name(provider),
        regions=region,
        filter=filter,
        show_deleted=deleted,
        return_partial_success=True,
        page_size=min(limit, 1000),
    )
    await session.show_list(session.client.list(request, timeout=session.timeout), "instances", COLUMNS, limit)


@command(app, "watch")
async def watch_instances(
    session: Session,
    *,
    provider: ProviderOption = "-",
    region: RegionsOption = [],  # noqa: B006  # typer copies it
    filter: FilterOption = "",
    seconds: Annotated[
        float | None, typer.Option("--for", parser=duration, metavar="DURATION", help="End by itself after that.")
    ] = None,
) -> None:
    """Watch instances. On a terminal that is a table that moves, elsewhere a line for each change.

    Without --filter the providers' health is told, too: why a part of it may be old.
    """
    types = [RESOURCE_TYPE_INSTANCE] if filter else []
    stream = session.client.watch_resources(provider_name(provider), filter=filter, regions=region, types=types)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds) as limit, stream:
            if session.json or not can_draw():
                async with connection_told(stream, session.client.address):
                    async for update in stream:
                        _tell_of(update, session.json)
            else:
                await _show(stream, session.client.address, limit)


async def _show(stream: ResourceStream, address: str, limit: asyncio.Timeout) -> None:
    inventory = Inventory(stream, address)

    def press(key: str) -> None:
        if key == "q":
            limit.reschedule(0.0)
        inventory.press(key)

    async with Terminal(inventory.page, press) as terminal:
        async for update in stream:
            inventory.take(update)
            terminal.news()


def _tell_of(update: ResourceUpdate, as_json: bool) -> None:
    if not as_json:
        if text := line(update):
            write(text)
    elif update.synced:
        write_json({"synced": True}, indent=None)
    elif update.removed:
        write_json({"removed": as_dict(update.removed)}, indent=None)
    elif update.resource is not None:
        kind = "instance" if isinstance(update.resource, Instance) else "provider"
        write_json({kind: as_dict(update.resource)}, indent=None)


@command(app, "get")
async def get_instance(
    session: Session,
    name: NameArgument,
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Also what only the cloud itself knows.")] = False,
) -> None:
    """Show an instance."""
    request = GetInstanceRequest(name=name, include_provider_data=raw)
    session.show((await session.client.call(request, timeout=session.timeout)).instance)


@command(app, "create")
async def create_instance(
    session: Session,
    *,
    provider: Annotated[str, typer.Option("--provider", "-p", help="Id of the provider.")] = "default",
    image: Annotated[str, typer.Option(help="Image to start from, such as ami-0abc.")],
    type: Annotated[str, typer.Option("--type", help="Instance type; none: the cheapest with --vcpus, --memory.")] = "",
    vcpus: Annotated[int, typer.Option(min=0, help="Virtual CPUs, without --type.")] = 0,
    memory: Annotated[float, typer.Option(min=0, help="Memory in GiB, without --type.")] = 0,
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    region: Annotated[str, typer.Option("--region", "-r", help="Region; none: the provider's default.")] = "",
    zone: Annotated[str, typer.Option(help="Zone; none: the cloud chooses.")] = "",
    disk: Annotated[float, typer.Option(min=0, help="Size of the boot disk in GiB; 0: that of the image.")] = 0,
    network: Annotated[str, typer.Option(help="Network to be in; none: the default one.")] = "",
    subnet: Annotated[str, typer.Option(help="The cloud's identifier of the subnet.")] = "",
    security_group: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="The cloud's identifier of a group.")
    ] = None,
    public_ip: Annotated[bool | None, typer.Option("--public-ip/--no-public-ip", help="A public address?")] = None,
    user_data: Annotated[
        bytes | None, typer.Option(parser=content, metavar="FILE", help="cloud-init or script.")
    ] = None,
    ssh_key: Annotated[bytes | None, typer.Option(parser=content, metavar="FILE", help="Key that may log in.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Tag to set.")] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Cheaper; the cloud may take it away.")] = False,
    wait: WaitOption = True,
    validate_only: ValidateOption = False,
    request_id: RequestIdOption = "",
) -> None:
    """Create an instance and wait until it runs."""
    card = NetworkInterfaceSpec(
        network=network, subnet=subnet, security_groups=security_group or (), assign_public_ip=public_ip
    )
    spec = InstanceSpec(
        display_name=name,
        region=region,
        zone=zone,
        tags=pairs(tag or (), "--tag"),
        instance_type=type,
        vcpus=vcpus,
        memory_bytes=round(memory * GIB),
        image=image,
        boot_disk=BootDiskSpec(size_bytes=round(disk * GIB)) if disk else None,
        network_interfaces=[card] if card.ByteSize() else (),
        user_data=user_data or b"",
        ssh_public_key=(ssh_key or b"").decode().strip(),
        spot=spot,
    )
    request = CreateInstanceRequest(
        parent=provider_name(provider), spec=spec, validate_only=validate_only, request_id=request_id
    )
    await _change(session, [request], [name or "instance"], wait=wait)


@command(app, "start")
async def start_instances(
    session: Session, names: NamesArgument, *, wait: WaitOption = True, validate_only: ValidateOption = False
) -> None:
    """Start instances and wait until they run."""
    requests = [StartInstanceRequest(name=name, validate_only=validate_only) for name in names]
    await _change(session, requests, names, wait=wait)


@command(app, "stop")
async def stop_instances(
    session: Session,
    names: NamesArgument,
    *,
    keep_host: Annotated[bool, typer.Option("--keep-host", help="Keep the place on the host, and its bill.")] = False,
    suspend: Annotated[bool, typer.Option("--suspend", help="Keep memory on disk.")] = False,
    force: ForceOption = False,
    wait: WaitOption = True,
    validate_only: ValidateOption = False,
) -> None:
    """Stop instances and wait until they are off."""
    if keep_host and suspend:
        raise typer.BadParameter("--keep-host and --suspend exclude each other")
    mode = StopMode.STOP_MODE_KEEP_HOST if keep_host else StopMode.STOP_MODE_DEALLOCATE
    mode = StopMode.STOP_MODE_SUSPEND if suspend else mode
    requests = [StopInstanceRequest(name=name, mode=mode, force=force, validate_only=validate_only) for name in names]
    await _change(session, requests, names, wait=wait)


@command(app, "restart")
async def restart_instances(
    session: Session,
    names: NamesArgument,
    *,
    force: ForceOption = False,
    wait: WaitOption = True,
    validate_only: ValidateOption = False,
) -> None:
    """Restart running instances and wait until they run again."""
    requests = [RestartInstanceRequest(name=name, force=force, validate_only=validate_only) for name in names]
    await _change(session, requests, names, wait=wait)


@command(app, "delete")
async def delete_instances(
    session: Session,
    names: NamesArgument,
    *,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Succeed when one is not there.")] = False,
    wait: WaitOption = True,
    validate_only: ValidateOption = False,
) -> None:
    """Delete instances and their disks, for good."""
    requests = [
        DeleteInstanceRequest(name=name, allow_missing=allow_missing, validate_only=validate_only) for name in names
    ]
    await _change(session, requests, names, wait=wait)


@command(app, "types")
async def list_types(
    session: Session,
    *,
    provider: ProviderOption = "-",
    region: RegionsOption = [],  # noqa: B006  # typer copies it
    filter: FilterOption = "",
    limit: LimitOption = 0,
) -> None:
    """List the machine shapes that the clouds sell."""
    columns = [
        Column("TYPE", lambda t: t.native_id),
        Column("REGION", lambda t: t.region),
        Column("VCPUS", lambda t: str(t.vcpus)),
        Column("MEMORY", lambda t: binary(t.memory_bytes)),
        Column("ARCHITECTURE", lambda t: word(t, "architecture")),
        Column("GPU", lambda t: f"{t.gpu_count} {t.gpu_model}".strip() if t.gpu_count else ""),
    ]
    request = ListInstanceTypesRequest(
        parent=provider_name(provider),
        regions=region,
        filter=filter,
        return_partial_success=True,
        page_size=min(limit, 1000) or 1000,
    )
    await session.show_list(session.client.list(request, timeout=session.timeout), "instance_types", columns, limit)


@command(app, "regions")
async def list_regions(session: Session, *, provider: ProviderOption = "-", limit: LimitOption = 0) -> None:
    """List the regions of the clouds."""
    columns = [
        Column("REGION", lambda r: r.native_id),
        Column("NAME", lambda r: r.name),
        Column("AVAILABLE", lambda r: "yes" if r.available else "no"),
        Column("LOCATION", lambda r: r.location or r.display_name),
        Column("ZONES", lambda r: " ".join(r.zones)),
    ]
    request = ListRegionsRequest(parent=provider_name(provider), return_partial_success=True)
    await session.show_list(session.client.list(request, timeout=session.timeout), "regions", columns, limit)


async def _change(session: Session, requests: Sequence[Any], labels: Sequence[str], *, wait: bool) -> None:
    """Start changes, follow them side by side, and print what they made; one that fails stops no other."""
    if requests[0].validate_only:
        for request in requests:
            await session.client.call(request, timeout=session.timeout)
        tell("it can be done; nothing was changed")
        return
    operations: list[Operation[Any]] = []

    async def change(request: Any, label: str, progress: Progress) -> Any:
        operation = await session.client.start(request, timeout=session.timeout)
        operations.append(operation)
        return await operation.wait(progress=partial(progress.update, label)) if wait else operation.latest

    try:
        with Progress() as progress:
            changes = [change(request, label, progress) for request, label in zip(requests, labels, strict=True)]
            results = await asyncio.gather(*changes, return_exceptions=True)
    except asyncio.CancelledError:
        _tell_where_it_goes_on(operations)
        raise
    made = [result for result in results if isinstance(result, (Instance, operations_pb2.Operation))]
    failures = [result for result in results if isinstance(result, BaseException)]
    if made or not failures:
        _print(session, made, _outcome)
    # A fault of the program is the one to be raised.
    failures.sort(key=lambda failure: isinstance(failure, CloudError))
    for failure in failures[1:]:
        if isinstance(failure, CloudError):
            tell_of(failure)
    if failures:
        raise failures[0]


def _outcome(made: Instance | operations_pb2.Operation) -> str:
    if isinstance(made, Instance):
        return f"{made.name} {word(made, 'state')} {address_of(made)}".rstrip()
    return made.name


def _tell_where_it_goes_on(operations: Sequence[Operation[Any]]) -> None:
    for operation in operations:
        if not operation.latest.done:
            tell(f"it goes on; follow it with: novacron-cloud operations watch {operation.name}")


def _print(session: Session, messages: Sequence[Message], line: Callable[[Any], str]) -> None:
    if session.output is Format.JSON:
        write_json([as_dict(message) for message in messages] if len(messages) != 1 else messages[0])
        return
    for message in messages:
        write(line(message))
