"""Streams that cannot start, or cannot go on, and what their readers are told."""

import pytest
from novacron_providers.contract.errors import (
    CredentialsInvalid,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unsupported,
)

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.toycloud import CPU, ToyCloud


async def test_named_resource_that_is_not_there_is_not_found(lab: Lab) -> None:
    lab.cloud.add("i-1")
    for name in ("i-9", "providers/toy/instances/east~i-9"):
        reader = lab.open(resources=[name])
        await lab.clock.settle()
        assert isinstance(reader.error, NotFound)
        assert reader.error.resource == name
        assert reader.error.violations[0].field == "selector.resources"


async def test_named_resource_that_nobody_can_look_for_gives_the_reason(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.fleet["west"] = {}
    lab.cloud.broken["west"] = Unavailable("no route to west")
    reader = lab.open(resources=["i-9"])
    await lab.clock.settle()
    assert isinstance(reader.error, Unavailable)


async def test_named_resources_narrow_what_is_read(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    lab.cloud.add("i-3", "west")
    reader = await lab.synced(resources=[name], metrics=[CPU])
    assert reader.series == {0: (CPU, name)}
    assert [(region, ids) for region, _, ids, _ in lab.cloud.reads] == [("east", ["i-1"])]
    assert lab.cloud.calls["list"] == 1


async def test_nothing_that_can_be_read_is_an_error_at_the_start(lab: Lab) -> None:
    lab.cloud.broken["east"] = Unavailable("no route to east")
    reader = lab.open()
    await lab.clock.settle()
    assert isinstance(reader.error, Unavailable)
    lab.cloud.broken = {"": Unavailable("no route to anywhere")}
    reader = lab.open(metrics=[CPU])
    await lab.clock.settle()
    assert isinstance(reader.error, Unavailable)


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"metrics": ["cloud.instance.cpu.utilisation"]}, "selector.metrics", CPU),
        ({"metrics": ["zzz"]}, "selector.metrics", "ListMetricDescriptors"),
        ({"metrics": [""]}, "selector.metrics", "empty"),
        ({"filter": 'colour = "red"'}, "selector.filter", "colour"),
        ({"filter": "zone"}, "selector.filter", "quoted"),
        ({"resources": ["providers/other/instances/east~i-1"]}, "selector.resources", "under the parent"),
        ({"resources": ["providers/toy"]}, "selector.resources", "of the form"),
        ({"parent": "toy"}, "parent", "of the form"),
        ({"interval": -1.0}, "interval", "negative"),
        ({"heartbeat_interval": -1.0}, "heartbeat_interval", "negative"),
    ],
)
async def test_bad_request_names_the_field_and_the_way_out(
    lab: Lab, fields: dict[str, object], field: str, hint: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await anext(lab.responses(**fields))
    assert [violation.field for violation in caught.value.violations] == [field]
    assert hint in caught.value.message
    assert not lab.cloud.calls


async def test_unknown_provider_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFound):
        await anext(lab.responses(parent="providers/mars"))


async def test_provider_without_metrics_is_unsupported(lab: Lab) -> None:
    lab.providers.without_metrics.add("toy")
    with pytest.raises(Unsupported):
        await anext(lab.responses())


async def test_connection_that_lacks_an_area_says_so(lab: Lab) -> None:
    lab.cloud.able = ()
    with pytest.raises(Unsupported):
        await anext(lab.responses())


async def test_provider_that_cannot_be_connected_to_hides_no_other(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.providers.clouds["apart"] = ToyCloud(lab.clock, "apart")
    lab.providers.configs["apart"] = lab.providers.configs["toy"]
    lab.providers.faults["apart"] = CredentialsInvalid("expired")
    reader = await lab.synced(parent="providers/-", metrics=[CPU])
    assert len(reader.values()) == 1
    with pytest.raises(CredentialsInvalid):
        await anext(lab.responses(parent="providers/apart"))


async def test_too_many_series_are_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novacron_server.telemetry.view.LIMIT", 3)
    lab.cloud.add("i-1")
    reader = await lab.synced()
    lab.cloud.add("i-2")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    assert isinstance(reader.error, InvalidArgument)
    assert reader.error.violations[0].field == "selector"
    again = lab.open()
    await lab.clock.settle()
    assert isinstance(again.error, InvalidArgument)
