"""The sandbox's clock is the one that others can compute."""

import time
from datetime import UTC

import pytest
from novacron_sandbox.clock import Clock


def test_a_clock_without_origin_and_rate_is_the_machines() -> None:
    before, now, after = time.time(), Clock().now(), time.time()
    assert before <= now <= after


def test_time_passes_rate_times_as_fast_from_the_origin_on() -> None:
    origin = time.time() - 10
    before, now, after = time.time(), Clock(origin, 60.0).now(), time.time()
    assert origin + (before - origin) * 60 <= now <= origin + (after - origin) * 60


def test_a_date_is_utc_and_carries_no_zone_as_moto_keeps_them() -> None:
    date = Clock().utc()
    assert date.tzinfo is None
    assert abs(date.replace(tzinfo=UTC).timestamp() - time.time()) < 5


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_time_has_to_pass(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(0.0, rate)
