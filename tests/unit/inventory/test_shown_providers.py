"""A provider is shown as it is now, though its answer is kept until something of it changes."""

from collections.abc import Callable

import pytest
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, Unavailable
from novacron_providers.contract.provider import Identity, OpenCircuit
from novacron_server.inventory.health import Health
from novacron_server.inventory.providers import Registered
from novacron_server.inventory.service import ProvidersService, message_of

from tests.unit.inventory.watchlab import WatchedCloud, WatchLab

DAY = 86_400.0


async def shown(lab: WatchLab, **staleness: int) -> bytes:
    """What GetProvider answers; it asks the cloud only where it is told to."""
    request = pb.GetProviderRequest(name="providers/toy")
    request.max_staleness.seconds = staleness.get("seconds", 1_000_000)
    answer = ProvidersService(lab.providers, active).get_provider(request, Call(clock=lab.clock))
    return answer if isinstance(answer, bytes) else await answer


async def active(provider: str) -> int:
    return 0


def health_of(registered: Registered) -> Health:
    assert registered.health
    return registered.health


def fail(registered: Registered) -> None:
    health_of(registered).report("", Unavailable("the cloud is away"))


def fail_in_a_region(registered: Registered) -> None:
    health_of(registered).report("east", Unavailable("the region is away"))


def find_a_region(registered: Registered) -> None:
    health_of(registered).report("north", None)


def sign_in(registered: Registered) -> None:
    health_of(registered).identity = Identity("another account", expire_time=1e9)


@pytest.mark.parametrize("change", [fail, fail_in_a_region, find_a_region, sign_in])
async def test_what_is_found_of_a_provider_is_shown_at_once(
    lab: WatchLab, cloud: WatchedCloud, change: Callable[[Registered], None]
) -> None:
    before = await shown(lab, seconds=0)
    assert await shown(lab) == before
    change(lab.providers.get("toy"))
    assert await shown(lab) != before


async def test_what_changes_of_a_region_that_failed_is_shown_at_once(lab: WatchLab, cloud: WatchedCloud) -> None:
    registered = lab.providers.get("toy")
    await shown(lab, seconds=0)
    answers = []
    errors: list[CloudError | None] = [Unavailable("away"), Unavailable("still away"), None]
    for error in errors:
        health_of(registered).report("east", error)
        answers.append(await shown(lab))
    assert len({*answers}) == len(answers)


async def test_a_probe_is_shown_with_its_time(lab: WatchLab, cloud: WatchedCloud) -> None:
    first = await shown(lab, seconds=0)
    await lab.clock.advance(5)
    assert await shown(lab, seconds=60) == first
    assert await shown(lab, seconds=0) != first


async def test_what_the_connection_counts_is_shown_at_once(
    lab: WatchLab, cloud: WatchedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [await shown(lab)]
    cloud.billed += 100
    answers.append(await shown(lab))
    monkeypatch.setattr(cloud, "throttled_calls", lambda: 3)
    answers.append(await shown(lab))
    for seconds in (5.0, 4.0):
        circuit = OpenCircuit("east", lab.clock.time() + seconds, Unavailable("no answer"))
        monkeypatch.setattr(cloud, "circuits", lambda circuit=circuit: [circuit])
        answers.append(await shown(lab))
    monkeypatch.setattr(cloud, "circuits", lambda: [])
    assert await shown(lab) == answers[2]
    assert len({*answers}) == len(answers)


async def test_what_was_spent_is_shown_by_day(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.billed += 100
    before = message_of(lab.providers.get("toy")).health.metric_spend
    await lab.clock.advance(DAY)
    after = message_of(lab.providers.get("toy")).health.metric_spend
    assert (before.billed, after.billed) == (100, 0)
    assert after.reset_time.seconds - before.reset_time.seconds == DAY


async def test_a_change_of_the_provider_is_shown_at_once(lab: WatchLab, cloud: WatchedCloud) -> None:
    before = await shown(lab)
    await lab.rename("toy", "Our toy")
    assert await shown(lab) != before
    assert message_of(lab.providers.get("toy")).display_name == "Our toy"


async def test_an_answer_is_made_once_for_all_who_ask_until_it_changes(lab: WatchLab, cloud: WatchedCloud) -> None:
    await shown(lab, seconds=0)
    kept = lab.providers.get("toy").shown
    await shown(lab)
    assert lab.providers.get("toy").shown is kept
    fail(lab.providers.get("toy"))
    await shown(lab)
    assert lab.providers.get("toy").shown is not kept
