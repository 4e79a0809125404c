"""A daily budget of metric calls: counted as billed, and when it is spent reads become rare, and nothing is lost."""

from novacron_server.inventory.budget import DAY, WIDENED, Budget

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.reader import Reader
from tests.unit.telemetry.toycloud import CPU, ToyCloud


def notices(reader: Reader) -> list[tuple[str, float]]:
    """What a reader was told of rare reads: the region, and the seconds between two reads (0: as usual)."""
    found = [event.collection for event in reader.events if event.HasField("collection")]
    return [(notice.scope, notice.interval.ToSeconds()) for notice in found]


def limit(lab: Lab, budget: int) -> None:
    lab.providers.configs["toy"].metrics_daily_budget = budget


async def test_reads_become_rare_and_no_value_is_lost(lab: Lab) -> None:
    lab.cloud.add("i-1")
    limit(lab, 5)
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU])
    for _ in range(90):
        await lab.clock.advance(60)
    # One a minute until five were billed, then one in half an hour.
    assert lab.cloud.calls["collect"] == 5 + 2
    assert notices(reader) == [("providers/toy/regions/east", WIDENED)]
    times = sorted(point.time for point in reader.points if point.time > start)
    assert times == [start + 60 * n for n in range(1, len(times) + 1)]
    assert len(times) >= 60


async def test_who_comes_later_is_told_with_the_snapshot(lab: Lab) -> None:
    lab.cloud.add("i-1")
    limit(lab, 1)
    await lab.synced(metrics=[CPU])
    await lab.clock.advance(60)
    late = await lab.synced(metrics=[CPU])
    other = await lab.synced()
    assert notices(late) == notices(other) == [("providers/toy/regions/east", WIDENED)]
    assert late.kinds.index("collection") < late.kinds.index("synced")


async def test_a_new_day_begins_anew(lab: Lab) -> None:
    lab.cloud.add("i-1")
    limit(lab, 3)
    reader = await lab.synced(metrics=[CPU])
    await lab.clock.advance(180)
    midnight = lab.providers.budgets["toy"].reset_time
    assert midnight % DAY == 0
    await lab.clock.advance(midnight - lab.clock.time() + 1)
    assert notices(reader)[-1] == ("providers/toy/regions/east", 0)


async def test_without_a_budget_all_is_counted_and_nothing_held_back(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    for _ in range(9):
        await lab.clock.advance(60)
    spend = lab.providers.budgets["toy"].message(lab.cloud, lab.providers.configs["toy"])
    assert spend.billed == 10
    assert not spend.HasField("budget")
    assert not spend.HasField("widened_interval")
    assert not notices(reader)


async def test_who_asks_for_new_values_gets_them(lab: Lab) -> None:
    lab.cloud.add("i-1")
    limit(lab, 0)
    await lab.latest(metrics=[CPU])
    await lab.clock.advance(120)
    answer = await lab.latest(metrics=[CPU], max_staleness=10)
    assert answer.points[0].time.ToSeconds() == lab.clock.time()


async def test_a_change_of_the_connection_forgets_nothing(lab: Lab) -> None:
    budget, config = Budget(lab.clock), lab.providers.configs["toy"]
    lab.cloud.billed = 7
    assert budget.billed(lab.cloud) == 7
    after = ToyCloud(lab.clock)
    after.billed = 2
    assert budget.billed(after) == 9
    config.metrics_daily_budget = 9
    assert budget.is_spent(after, config)
    await lab.clock.advance(DAY)
    assert budget.billed(after) == 0
    after.billed += 1
    assert budget.message(after, config).billed == 1
