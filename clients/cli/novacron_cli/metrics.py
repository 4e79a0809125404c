"""Commands for metrics."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import typer
from novacron.cloud.v1.common_pb2 import RESOURCE_TYPE_INSTANCE, RESOURCE_TYPE_PROVIDER
from novacron.cloud.v1.metrics_pb2 import MetricSelector
from novacron.cloud.v1.metrics_service_pb2 import GetLatestMetricsRequest, ListMetricDescriptorsRequest
from novacron_client import CloudError, MetricStream, MetricUpdate, ResourceStream

from novacron_cli import history
from novacron_cli.arguments import FilterOption, LimitOption, ProviderOption, provider_name
from novacron_cli.board import NAME, Board, blocks
from novacron_cli.connection import connection_told
from novacron_cli.durations import duration
from novacron_cli.failure import tell
from novacron_cli.history import MetricOption, ResourceOption, series_text
from novacron_cli.inventory import troubles, troubles_of
from novacron_cli.output import Column, clock, quantity, when, write, write_json
from novacron_cli.session import Session, command
from novacron_cli.terminal import Terminal, can_draw

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

app.add_typer(history.app)


@command(app, "list")
async def list_metrics(
    session: Session, *, provider: ProviderOption = "-", filter: FilterOption = "", limit: LimitOption = 0
) -> None:
    """List the metrics that can be had."""
    columns = [
        Column("METRIC", lambda d: d.type),
        Column("PROVIDER", lambda d: d.name.split("/")[1] if d.name else ""),
        Column("UNIT", lambda d: d.unit),
        Column("PERIOD", lambda d: f"{d.min_period.seconds} s" if d.HasField("min_period") else ""),
        Column("FROM", lambda d: f"{d.native.namespace} {d.native.metric}".strip()),
        Column("DESCRIPTION", lambda d: d.description or d.display_name),
    ]
    request = ListMetricDescriptorsRequest(
        parent=provider_name(provider), filter=filter, return_partial_success=True, page_size=min(limit, 1000)
    )
    await session.show_list(session.client.list(request, timeout=session.timeout), "metric_descriptors", columns, limit)


@command(app, "latest")
async def latest_metrics(
    session: Session,
    *,
    provider: ProviderOption = "-",
    metric: MetricOption = None,
    resource: ResourceOption = None,
    filter: FilterOption = "",
    limit: LimitOption = 0,
) -> None:
    """Show the newest value of each series."""
    columns = [
        Column("TIME", lambda p: when(p.time)),
        Column("RESOURCE", lambda p: p.resource),
        Column("METRIC", lambda p: series_text(p.metric, tuple(sorted(p.attributes.items())))),
        Column("VALUE", lambda p: quantity(p.value, p.unit)),
    ]
    request = GetLatestMetricsRequest(
        parent=provider_name(provider),
        selector=MetricSelector(metrics=metric or (), resources=resource or (), filter=filter),
        return_partial_success=True,
        page_size=min(limit, 10_000),
    )
    await session.show_list(session.client.list(request, timeout=session.timeout), "points", columns, limit)


@command(app, "watch")
async def watch_metrics(
    session: Session,
    *,
    provider: ProviderOption = "-",
    metric: MetricOption = None,
    resource: ResourceOption = None,
    filter: FilterOption = "",
    interval: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="Shortest time between two values.")
    ] = None,
    changes: Annotated[bool, typer.Option("--changes", help="Leave out a value that equals the one before.")] = False,
    sort: Annotated[str, typer.Option(help="Column, greatest first: CPU, cpu.utilization; or name.")] = NAME,
    group_by: Annotated[
        str, typer.Option(metavar="provider|region|type|tags.KEY", help="A row for each; sums, and means of ratios.")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option("--for", parser=duration, metavar="DURATION", help="End by itself after that.")
    ] = None,
) -> None:
    """Stream live metrics. On a terminal that is a table that moves, elsewhere a line for each value.

    The table is sorted and grouped as --sort and --group-by say; s and r sort otherwise, arrows scroll, q ends.
    """
    if not re.fullmatch(r"|provider|region|type|tags\..+", group_by):
        raise typer.BadParameter("one of provider, region, type, tags.KEY", param_hint="--group-by")
    stream = session.client.stream_metrics(
        provider_name(provider),
        metrics=metric or (),
        resources=resource or (),
        filter=filter,
        interval=interval,
        changes_only=changes,
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds) as limit, stream:
            if session.json or not can_draw():
                async with connection_told(stream, session.client.address):
                    await _lines(stream, session.json)
            else:
                async with _resources(session, provider_name(provider), group_by) as (resources, untold):
                    board = Board(group=group_by, sort=sort, blocks=blocks())
                    board.instances = resources.latest
                    await _table(session.client.address, stream, board, resources, untold, limit)


async def _lines(stream: MetricStream, as_json: bool) -> None:
    async for update in stream:
        _tell_of(update)
        units = {name: descriptor.unit for name, descriptor in update.table.descriptors.items()}
        for key, at, value in update.rows():
            if as_json:
                row: dict[str, Any] = {"time": clock(at, "%Y-%m-%dT%H:%M:%SZ"), "metric": key.metric}
                row |= {"resource": key.resource, "value": value, "unit": units[key.metric]}
                write_json(row | ({"attributes": dict(key.attributes)} if key.attributes else {}), indent=None)
            else:
                shown = quantity(value, units[key.metric])
                write(f"{clock(at)} {key.resource} {series_text(key.metric, key.attributes)} {shown}")


async def _table(
    address: str,
    stream: MetricStream,
    board: Board,
    resources: ResourceStream,
    untold: Sequence[str],
    limit: asyncio.Timeout,
) -> None:
    missing = ""

    def page(width: int, height: int) -> list[str]:
        ailing = [*troubles(stream, address), *troubles_of(resources.latest.values()), *untold]
        return board.page(width, height, [*ailing, missing] if missing else ailing)

    def press(key: str) -> None:
        if key == "q":
            limit.reschedule(0.0)
        board.press(key)

    async with Terminal(page, press) as terminal:
        async for update in stream:
            board.take(update)
            if update.synced and board.sort != NAME and not board.column(board.sort):
                columns = ", ".join([NAME, *board.metrics])
                raise typer.BadParameter(f"no column {board.sort!r}; there are: {columns}", param_hint="--sort")
            if update.missing:
                missing = _missing(update.missing)
            terminal.news()


@asynccontextmanager
async def _resources(session: Session, parent: str, group: str) -> AsyncIterator[tuple[ResourceStream, Sequence[str]]]:
    """Providers, for their health, and instances if a group is made of what only they tell; and why not."""
    has_instances = group not in ("", "provider", "region")
    types = [RESOURCE_TYPE_PROVIDER, RESOURCE_TYPE_INSTANCE] if has_instances else [RESOURCE_TYPE_PROVIDER]
    stream = session.client.watch_resources(parent, types=types)
    untold: list[str] = []

    async def follow() -> None:
        try:
            async for _ in stream:
                pass
        except CloudError as error:
            untold.append(f"the health of providers is not known: {error.message}")

    if has_instances:
        async for update in stream:
            if update.synced:
                break
    task = asyncio.create_task(follow())
    try:
        yield stream, untold
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await stream.aclose()


def _tell_of(update: MetricUpdate) -> None:
    if update.gap is not None:
        tell(f"{update.gap.dropped_items} values were dropped, this reader is too slow: history is asked for them")
    if update.missing is not None:
        tell(_missing(update.missing))


def _missing(error: CloudError) -> str:
    return f"missing: values from before {clock(time.time())} could not all be read: {error.message}"
