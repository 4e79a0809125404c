"""Commands for cloud accounts."""

import sys
from typing import Annotated, Any

import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from novacron.cloud.v1.provider_pb2 import Provider, ProviderConfig
from novacron.cloud.v1.provider_service_pb2 import (
    GetCapabilitiesRequest,
    GetProviderRequest,
    ListProvidersRequest,
    RegisterProviderRequest,
    UnregisterProviderRequest,
    UpdateProviderRequest,
)

from novacron_cli.arguments import (
    FilterOption,
    LimitOption,
    RequestIdOption,
    ValidateOption,
    pairs,
    provider_name,
    secret,
    settings,
)
from novacron_cli.durations import duration
from novacron_cli.failure import tell
from novacron_cli.output import Column, when, word, write, write_json, write_table
from novacron_cli.session import Session, command

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the provider, such as aws.")]
DisplayName = Annotated[str | None, typer.Option(help="Name for people.")]
Default = Annotated[bool | None, typer.Option("--default/--no-default", help='Whether "providers/default" means it.')]
Auth = Annotated[
    list[str] | None,
    typer.Option(
        "--auth",
        metavar="KEY=VALUE",
        parser=secret,
        help="How to sign in; KEY=@FILE reads the value. None: the machine.",
    ),
]
Endpoint = Annotated[str | None, typer.Option(help="Address of the cloud's API in place of the public one.")]
Regions = Annotated[list[str] | None, typer.Option("--region", metavar="REGION", help="Region to use; none means all.")]
DefaultRegion = Annotated[str | None, typer.Option(help="Region of requests that name none.")]
DefaultZone = Annotated[str | None, typer.Option(help="Zone of requests that name none.")]
Project = Annotated[str | None, typer.Option(help="Account, subscription or project.")]
CloudTimeout = Annotated[
    float | None, typer.Option("--cloud-timeout", parser=duration, metavar="DURATION", help="Limit of one cloud call.")
]
MaxRetries = Annotated[int | None, typer.Option(min=0, metavar="N", help="Repeats of one cloud call.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Setting of that kind of provider alone.")
]


@command(app, "list")
async def list_providers(session: Session, *, filter: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the registered providers with their state."""
    columns = [
        Column("PROVIDER", lambda p: p.name),
        Column("KIND", lambda p: p.kind),
        Column("ACCOUNT", lambda p: p.native_id),
        Column("STATE", lambda p: word(p, "state")),
        Column("DEFAULT", lambda p: "yes" if p.is_default else ""),
        Column("REGIONS", lambda p: " ".join(region.region for region in p.health.regions)),
        Column("OBSERVED", lambda p: when(p.observe_time)),
    ]
    request = ListProvidersRequest(filter=filter)
    await session.show_list(session.client.list(request, timeout=session.timeout), "providers", columns, limit)


@command(app, "get")
async def get_provider(
    session: Session,
    id: IdArgument,
    *,
    probe: Annotated[bool, typer.Option("--probe", help="Ask the cloud now.")] = False,
) -> None:
    """Show a provider, its state and its health."""
    request = GetProviderRequest(name=provider_name(id), max_staleness=Duration() if probe else None)
    session.show((await session.client.call(request, timeout=session.timeout)).provider)


@command(app, "register")
async def register_provider(
    session: Session,
    id: IdArgument,
    *,
    kind: Annotated[str, typer.Option(help="Adapter: aws, azure, gcp.")],
    display_name: DisplayName = None,
    default: Default = None,
    auth: Auth = None,
    endpoint: Endpoint = None,
    region: Regions = None,
    default_region: DefaultRegion = None,
    default_zone: DefaultZone = None,
    project: Project = None,
    cloud_timeout: CloudTimeout = None,
    max_retries: MaxRetries = None,
    option: Options = None,
    validate_only: ValidateOption = False,
    request_id: RequestIdOption = "",
) -> None:
    """Register a cloud account, after signing in to it."""
    provider, _ = _provider(
        display_name, default, auth, endpoint, region, default_region, default_zone, project, cloud_timeout,
        max_retries, option,
    )  # fmt: skip
    provider.kind = kind
    request = RegisterProviderRequest(
        provider_id=id, provider=provider, validate_only=validate_only, request_id=request_id
    )
    if sys.stderr.isatty():
        tell(f"signing in to {kind} ...")
    answer = await session.client.call(request, timeout=session.timeout)
    session.show(answer.provider)


@command(app, "update")
async def update_provider(
    session: Session,
    id: IdArgument,
    *,
    display_name: DisplayName = None,
    default: Default = None,
    auth: Auth = None,
    endpoint: Endpoint = None,
    region: Regions = None,
    default_region: DefaultRegion = None,
    default_zone: DefaultZone = None,
    project: Project = None,
    cloud_timeout: CloudTimeout = None,
    max_retries: MaxRetries = None,
    option: Options = None,
    etag: Annotated[str, typer.Option(help="Change it only if it is still this version.")] = "",
    validate_only: ValidateOption = False,
    request_id: RequestIdOption = "",
) -> None:
    """Change what is given of a provider, and nothing else."""
    provider, paths = _provider(
        display_name, default, auth, endpoint, region, default_region, default_zone, project, cloud_timeout,
        max_retries, option,
    )  # fmt: skip
    if not paths:
        raise typer.BadParameter("name something to change, such as --display-name or --auth")
    provider.name, provider.etag = provider_name(id), etag
    request = UpdateProviderRequest(
        provider=provider, update_mask=FieldMask(paths=paths), validate_only=validate_only, request_id=request_id
    )
    answer = await session.client.call(request, timeout=session.timeout)
    session.show(answer.provider)


@command(app, "unregister")
async def unregister_provider(
    session: Session,
    id: IdArgument,
    *,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Succeed when it is not there.")] = False,
    validate_only: ValidateOption = False,
    request_id: RequestIdOption = "",
) -> None:
    """Forget a provider and its credentials. Nothing changes in the cloud."""
    request = UnregisterProviderRequest(
        name=provider_name(id), allow_missing=allow_missing, validate_only=validate_only, request_id=request_id
    )
    answer = await session.client.call(request, timeout=session.timeout)
    if session.json:
        write_json(answer)
    elif not validate_only:
        write(f"{request.name} is forgotten")


@command(app, "capabilities")
async def capabilities(session: Session, id: IdArgument) -> None:
    """Show what a provider can do, and who does the work."""
    answer = await session.client.call(GetCapabilitiesRequest(name=provider_name(id)), timeout=session.timeout)
    if session.json:
        write_json(answer)
        return
    columns = [
        Column("CAPABILITY", lambda status: word(status, "capability")),
        Column("LEVEL", lambda status: word(status, "level")),
        Column("LIMITS", lambda status: status.limits),
    ]
    write_table(columns, answer.capabilities)


def _provider(
    display_name: str | None,
    default: bool | None,
    auth: list[str] | None,
    endpoint: str | None,
    regions: list[str] | None,
    default_region: str | None,
    default_zone: str | None,
    project: str | None,
    cloud_timeout: float | None,
    max_retries: int | None,
    options: list[str] | None,
) -> tuple[Provider, list[str]]:
    """What was given of a provider, and the paths of it."""
    given: dict[str, Any] = {"display_name": display_name, "is_default": default}
    config: dict[str, Any] = {
        "endpoint": endpoint,
        "regions": regions or None,
        "default_region": default_region,
        "default_zone": default_zone,
        "project": project,
        "max_retries": max_retries,
        "auth": pairs(auth, "--auth") if auth else None,
    }
    if cloud_timeout is not None:
        config["timeout"] = Duration()
        config["timeout"].FromNanoseconds(round(cloud_timeout * 1e9))
    if options:
        config["options"] = Struct()
        config["options"].update(settings(options, "--option"))
    given = {name: value for name, value in given.items() if value is not None}
    config = {name: value for name, value in config.items() if value is not None}
    provider = Provider(**given, config=ProviderConfig(**config))
    return provider, [*given, *(f"config.{name}" for name in config)]
