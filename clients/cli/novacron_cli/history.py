"""Commands for metrics that are asked for once: history, statistics of machines, and points to write."""

import math
import time
from enum import StrEnum
from typing import Annotated, Any

import typer
from novacron.cloud.v1.metrics_pb2 import InstanceStats, MetricPoint, MetricSelector, TimeSeries
from novacron.cloud.v1.metrics_service_pb2 import (
    ListInstanceStatsRequest,
    QueryMetricsRequest,
    WriteMetricsRequest,
)
from novacron_client import CloudError

from novacron_cli.arguments import (
    FilterOption,
    LimitOption,
    ProviderOption,
    RegionsOption,
    RequestIdOption,
    ValidateOption,
    pairs,
    provider_name,
)
from novacron_cli.board import blocks, sparkline
from novacron_cli.durations import duration
from novacron_cli.failure import FAILED, fail, tell
from novacron_cli.output import Column, as_dict, clock, quantity, when, word, write, write_json, write_table
from novacron_cli.session import Session, command

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

MetricOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metric", "-m", metavar="METRIC", help="Type, such as cloud.instance.cpu.utilization; a trailing * takes all."
    ),
]
ResourceOption = Annotated[
    list[str] | None, typer.Option("--resource", metavar="NAME", help="Name of a resource; none: all.")
]
# Widest sparkline, in characters.
_WIDTH = 40


class StatisticWord(StrEnum):
    """How values become one value of a period."""

    USUAL = "usual"
    AVERAGE = "average"
    SUM = "sum"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    COUNT = "count"


class Detail(StrEnum):
    """How much to read of each machine."""

    BASIC = "basic"
    STANDARD = "standard"
    DETAILED = "detailed"


def series_text(metric: str, attributes: tuple[tuple[str, str], ...]) -> str:
    """The metric and what tells this series from others: "cloud.volume.read_bytes{device=sda}"."""
    inner = ",".join(f"{key}={value}" for key, value in attributes)
    return f"{metric}{{{inner}}}" if inner else metric


@command(app, "query")
async def query_metrics(
    session: Session,
    *,
    provider: ProviderOption = "-",
    metric: MetricOption = None,
    resource: ResourceOption = None,
    filter: FilterOption = "",
    begin: Annotated[
        float,
        typer.Option("--from", parser=duration, metavar="DURATION", show_default="1h", help="How long ago it begins."),
    ] = 3600.0,
    end: Annotated[
        float,
        typer.Option("--until", parser=duration, metavar="DURATION", show_default="now", help="How long ago it ends."),
    ] = 0.0,
    period: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="DURATION", help="Length of each period; none: what gives 500 at most."),
    ] = None,
    statistic: Annotated[StatisticWord, typer.Option(help="How values become one of a period.")] = StatisticWord.USUAL,
) -> None:
    """Read history. Each series is a line, with its newest, least and greatest value."""
    if end >= begin:
        raise typer.BadParameter("it has to begin before it ends: --from 2h --until 1h", param_hint="--from")
    request = QueryMetricsRequest(
        parent=provider_name(provider),
        selector=MetricSelector(metrics=metric or (), resources=resource or (), filter=filter),
        statistic=None if statistic is StatisticWord.USUAL else f"STATISTIC_{statistic.name}",
        return_partial_success=True,
        page_size=1000,
    )
    now = time.time()
    request.start_time.FromMilliseconds(round((now - begin) * 1000))
    request.end_time.FromMilliseconds(round((now - end) * 1000))
    if period is not None:
        request.period.FromMilliseconds(round(period * 1000))
    listing = session.client.list(request, timeout=session.timeout)
    pages = [page async for page in listing.pages()]
    found: list[TimeSeries] = [series for page in pages for series in page.series]
    if listing.unreachable and not found:
        raise CloudError(listing.unreachable[0].status)
    start, step = pages[0].start_time, pages[0].period.ToMilliseconds() / 1000
    if session.json:
        # NaN is no JSON.
        answer: dict[str, Any] = {
            "start_time": start.ToJsonString(),
            "period": step,
            "series": [
                as_dict(series) | {"values": [None if math.isnan(value) else value for value in series.values]}
                for series in found
            ],
        }
        unreachable = [as_dict(part) for part in listing.unreachable]
        write_json(answer | ({"unreachable": unreachable} if unreachable else {}))
    else:
        write(f"periods of {step:g} s from {when(start)}")
        write_table(_columns(), found)
    if not found and not listing.unreachable:
        tell("nothing has a value there; what `metrics write` wrote is read with the cloud's own tools")
    for part in listing.unreachable:
        tell(f"missing: {part.name}: {part.status.message}")
    if listing.unreachable:
        raise fail("the answer is not complete", FAILED)


def _columns() -> list[Column]:
    drawn = blocks()

    def known(series: TimeSeries) -> list[float]:
        return [value for value in series.values if not math.isnan(value)]

    return [
        Column("RESOURCE", lambda s: s.resource),
        Column("METRIC", lambda s: series_text(s.metric, tuple(sorted(s.attributes.items())))),
        Column("LAST", lambda s: quantity(known(s)[-1], s.unit)),
        Column("LEAST", lambda s: quantity(min(known(s)), s.unit)),
        Column("GREATEST", lambda s: quantity(max(known(s)), s.unit)),
        Column("COURSE", lambda s: sparkline(_means(known(s), _WIDTH), drawn)),
    ]


def _means(values: list[float], most: int) -> list[float]:
    """Values as at most so many means of neighbours."""
    width = math.ceil(len(values) / most)
    parts = (values[at : at + width] for at in range(0, len(values), width))
    return [math.fsum(part) / len(part) for part in parts]


@command(app, "stats")
async def instance_stats(
    session: Session,
    *,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="providers/{provider}/instances/{id}; none: all.")
    ] = None,
    provider: ProviderOption = "-",
    region: RegionsOption = [],  # noqa: B006  # typer copies it
    filter: FilterOption = "",
    detail: Annotated[Detail, typer.Option(help="How much to read; all of it is in JSON only.")] = Detail.STANDARD,
    limit: LimitOption = 0,
) -> None:
    """Show what machines do now: processor, memory, disks and network."""

    def disk(stats: InstanceStats, field: str) -> str:
        return _rate([getattr(disk, field) for disk in stats.disks if disk.HasField(field)])

    def network(stats: InstanceStats, field: str) -> str:
        return _rate([getattr(card, field) for card in stats.networks if card.HasField(field)])

    columns = [
        Column("INSTANCE", lambda s: s.instance),
        Column("STATE", lambda s: word(s, "state")),
        Column("CPU", lambda s: quantity(s.cpu.utilization if s.cpu.HasField("utilization") else None, "1")),
        Column("MEMORY", lambda s: quantity(s.memory.utilization if s.memory.HasField("utilization") else None, "1")),
        Column("READ", lambda s: disk(s, "read_bytes_per_second")),
        Column("WRITTEN", lambda s: disk(s, "write_bytes_per_second")),
        Column("IN", lambda s: network(s, "receive_bytes_per_second")),
        Column("OUT", lambda s: network(s, "transmit_bytes_per_second")),
        Column("TIME", lambda s: clock(s.time.seconds) if s.HasField("time") else "-"),
    ]
    request = ListInstanceStatsRequest(
        parent=provider_name(provider),
        instances=names or (),
        regions=region,
        filter=filter,
        detail=f"DETAIL_LEVEL_{detail.name}",
        return_partial_success=True,
        page_size=min(limit, 1000),
    )
    await session.show_list(session.client.list(request, timeout=session.timeout), "stats", columns, limit)


def _rate(values: list[float]) -> str:
    return quantity(math.fsum(values) if values else None, "By/s")


@command(app, "write")
async def write_metrics(
    session: Session,
    *,
    values: Annotated[list[str], typer.Argument(metavar="METRIC=VALUE", help="Such as custom.app.queue_depth=12.")],
    provider: Annotated[
        str, typer.Option("--provider", "-p", help="Id of the provider; none: that of the resource, or the default.")
    ] = "",
    resource: Annotated[str, typer.Option(help="Name of the instance that they are about.")] = "",
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", "-a", metavar="KEY=VALUE", help="Tells series apart.")
    ] = None,
    unit: Annotated[str, typer.Option(help="UCUM unit: By, s, 1, {request}.")] = "",
    ago: Annotated[
        float,
        typer.Option(
            "--ago", parser=duration, metavar="DURATION", show_default="now", help="How long ago they were so."
        ),
    ] = 0.0,
    validate_only: ValidateOption = False,
    request_id: RequestIdOption = "",
) -> None:
    """Write values of metrics of your own into the cloud's metric store.

    The cloud's own tools read them there; the other commands here do not.
    """
    point = MetricPoint(resource=resource, unit=unit, attributes=pairs(attribute or (), "--attribute"))
    point.time.FromMilliseconds(round((time.time() - ago) * 1000))
    parent = provider_name(provider or "/".join(resource.split("/")[:2]) or "default")
    request = WriteMetricsRequest(parent=parent, validate_only=validate_only, request_id=request_id)
    for metric, text in pairs(values, "METRIC=VALUE").items():
        try:
            number = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is no number", param_hint="METRIC=VALUE") from None
        one = request.points.add(metric=metric, value=number)
        one.MergeFrom(point)
    answer = await session.client.call(request, timeout=session.timeout)
    if session.json:
        write_json(answer)
    elif not validate_only:
        write(f"{answer.written} of {len(request.points)} written")
    for rejected in answer.rejected:
        tell(f"rejected: {request.points[rejected.index].metric}: {rejected.status.message}")
    if answer.rejected:
        raise fail("not all was written", FAILED)
