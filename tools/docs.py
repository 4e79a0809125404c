"""Write the tables of docs/ from the adapters; with --check, only tell whether those committed are up to date.

Used by `make docs` and `make check`. Nothing is asked of a cloud, and no SDK is imported.
"""

import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from google.protobuf import struct_pb2
from novacron.cloud.v1 import compute_pb2, metrics_pb2, provider_pb2
from novacron_providers.aws import instances as aws
from novacron_providers.azure import instances as azure
from novacron_providers.contract import Metrics, Settings
from novacron_providers.gcp import instances as gcp
from novacron_server.inventory.providers import Installed

from tools.rules import ROOT

DOCS = ROOT / "docs"
Descriptors = Mapping[str, metrics_pb2.MetricDescriptor]
Words = Iterator[tuple[str, int]]
ABSENT = "absent"

METRICS = """# Metrics

Written by `make docs` from the adapters' descriptors; `make check` tells when it is not up to date.

A metric has one name, one unit and one meaning in every cloud. A value is of one period, and is dated by the period's
end: a gauge is the mean over the period, a rate is the amount in the period divided by its length. So the mean of five
values of a minute is the value of their five minutes, and clouds with unlike periods can be compared at the coarsest
one. A value that a cloud does not have is absent, never zero.

## Canonical metrics

Each cell has the cloud's own name and unit, and what makes the canonical value of it; what a cloud does not have is
declared {absent}: ListMetricDescriptors does not have it there, and asking that cloud alone for it is FIELD_INVALID.

{canonical}

## Period and delay

How often there is a value, and how long after the end of its period it can be read; a provider's options
`metrics.period` and `metrics.lag` (seconds) change both, such as for EC2's detailed monitoring.

{cadence}

Memory is what the guest says of itself: Azure has it (`Perf`) where `azure.workspace_id` names the Log Analytics
workspace that the machines' agents write to.

## Metrics of one cloud

{own}
"""

STATES = """# States of instances

Written by `make docs` from the adapters' mappings; `make check` tells when it is not up to date.

`Instance.state` is one of these; `Instance.native_state` always has the cloud's own word beside it.

{states}

Azure tells what is being done with a machine (`provisioningState`, with a capital letter here) apart from its power
(`PowerState/...`, in small letters). The power decides, except while a machine is made or deleted. Azure's own
`unknown`, and a machine that is whole and whose power Azure does not tell, are UNSPECIFIED: nobody knows more.

EC2's `stopped` is SUSPENDED when the instance hibernated. Google's `STOPPING` is also what is being deleted, since
Google does not tell the two apart.

A state that is not here is one that a cloud invented later. Such an instance is listed like any other, as UNSPECIFIED
with its `native_state`; it is a warning in the log, once for each state, and counted in
`novacron.cloud.unknown_states`.
"""


def descriptors() -> dict[str, Descriptors]:
    """What each installed adapter describes, by type, with all that configuration can add."""
    configs: Mapping[str, Mapping[str, Any]] = {
        "azure": {"project": "00000000-0000-0000-0000-000000000000", "options": {"azure.workspace_id": "workspace"}},
        "gcp": {"project": "project-1"},
    }
    found: dict[str, Descriptors] = {}
    for kind, plugin in sorted(Installed().items()):
        given = configs.get(kind, {})
        config = provider_pb2.ProviderConfig(project=given.get("project"))
        config.options.CopyFrom(struct_pb2.Struct())
        config.options.update(given.get("options", {}))
        connection = plugin.connect(Settings(provider=kind, config=config))
        areas = [area for area in connection.areas if isinstance(area, Metrics)]
        found[kind] = {one.type: one for area in areas for one in area.descriptors()}
    return found


def conversion(descriptor: metrics_pb2.MetricDescriptor) -> str:
    """What makes the canonical value of the cloud's."""
    native = descriptor.native
    steps = [f"× {native.scale:g}"] if native.scale != 1 else []
    steps += ["÷ period"] if native.per_second else []
    return " ".join(steps) or "as it is"


def kind_of(descriptor: metrics_pb2.MetricDescriptor) -> str:
    """What the values of a metric are: "gauge", "delta"."""
    return metrics_pb2.MetricKind.Name(descriptor.kind).removeprefix("METRIC_KIND_").lower()


def seconds(descriptor: metrics_pb2.MetricDescriptor) -> tuple[float, float]:
    """Period and delay of a metric."""
    return descriptor.min_period.ToTimedelta().total_seconds(), descriptor.publish_delay.ToTimedelta().total_seconds()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, its columns aligned."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def metrics_text() -> str:
    """docs/metrics.md as it should be."""
    clouds = descriptors()
    titles = {kind: plugin.display_name for kind, plugin in Installed().items()}
    every = {name: one for found in clouds.values() for name, one in found.items()}
    canonical = sorted(name for name in every if name.startswith("cloud."))

    def cell(kind: str, name: str) -> str:
        one = clouds[kind].get(name)
        return f"`{one.native.metric}` {one.native.unit}, {conversion(one)}" if one else ABSENT

    rows = [
        (f"`{name}`", f"`{every[name].unit}`", kind_of(every[name]), *(cell(kind, name) for kind in clouds))
        for name in canonical
    ]
    cadence = [
        (titles[kind], f"`{namespace}`", f"{period:g} s", f"{delay:g} s")
        for kind, found in clouds.items()
        for namespace, period, delay in sorted({(one.native.namespace, *seconds(one)) for one in found.values()})
    ]
    own = [
        (f"`{name}`", f"`{one.unit}`", kind_of(one), f"`{one.native.metric}`, {conversion(one)}", one.description)
        for found in clouds.values()
        for name, one in sorted(found.items())
        if name not in canonical
    ]
    return METRICS.format(
        absent=f'"{ABSENT}"',
        canonical=table(("Metric", "Unit", "Kind", *(titles[kind] for kind in clouds)), rows),
        cadence=table(("Cloud", "Source", "Period", "Delay"), cadence),
        own=table(("Metric", "Unit", "Kind", "Source", "What it is"), own),
    )


def aws_words() -> Words:
    """EC2's states and what each is here."""
    for word in aws.STATES:
        yield f"`{word}`", aws.state_of(cast(Any, {"State": {"Name": word}}))
    reason = {"Code": "Client.UserInitiatedHibernate"}
    yield "`stopped` by hibernation", aws.state_of(cast(Any, {"State": {"Name": "stopped"}, "StateReason": reason}))


def azure_words() -> Words:
    """Azure's states and what each is here."""

    def state(provisioning: str, *codes: str) -> int:
        statuses = [{"code": code} for code in codes]
        return azure.state_of(
            {"properties": {"provisioningState": provisioning, "instanceView": {"statuses": statuses}}}
        )

    for word in azure.PROVISIONING:
        yield f"`{word}`", state(word, "PowerState/running")
    for word in azure.POWER:
        yield f"`{word}`", state("Succeeded", f"PowerState/{word}")
    yield "`deallocated` and hibernated", state("Succeeded", "PowerState/deallocated", "HibernationState/Hibernated")
    for word in azure.POWERLESS:
        yield f"`{word}` without a power", state(word)


def gcp_words() -> Words:
    """Google's states and what each is here."""
    for word in gcp.STATES:
        yield f"`{word}`", gcp.state_of({"status": word})


WORDS = {"aws": aws_words, "azure": azure_words, "gcp": gcp_words}


def states_text() -> str:
    """docs/states.md as it should be."""
    titles = {kind: plugin.display_name for kind, plugin in Installed().items()}
    clouds = {kind: list(words()) for kind, words in WORDS.items()}
    rows = []
    for name, value in sorted(compute_pb2.InstanceState.items(), key=lambda item: item[1] or 99):
        cells = [", ".join(word for word, state in words if state == value) or "-" for words in clouds.values()]
        rows.append((name.removeprefix("INSTANCE_STATE_"), *cells))
    return STATES.format(states=table(("State", *(titles[kind] for kind in clouds)), rows))


TEXTS = {"metrics.md": metrics_text, "states.md": states_text}


def stale(folder: pathlib.Path) -> list[str]:
    """Names of the documents in a folder that are not as they should be."""
    return [
        name
        for name, text in TEXTS.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text()
    ]


def main() -> None:
    if "--check" in sys.argv:
        if names := stale(DOCS):
            raise SystemExit(f"not up to date, run `make docs`: {', '.join(f'docs/{name}' for name in names)}")
        print("tables of docs/ are up to date")
        return
    DOCS.mkdir(exist_ok=True)
    for name, text in TEXTS.items():
        (DOCS / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
