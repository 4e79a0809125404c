"""What reading metrics costs in a day, and what happens when that is spent: reads become rare, and say so."""

import math
from functools import lru_cache

from google.protobuf import timestamp_pb2
from novacron.cloud.v1 import provider_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.metrics import Metrics

from novacron_server.times import duration, timestamp

DAY = 86_400.0
# Longest time between two reads while the budget is spent, in seconds. A read covers all since the one before it and
# clouds charge for the read, not for its points: values come late, and none is lost.
WIDENED = 1800.0


class Budget:
    """Counts what the cloud bills for the metrics of one provider, day by day (UTC).

    Attributes:
        day: Which one is counted, since 1970.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._metrics: Metrics | None = None
        # Billed today: by connections that are gone, and by the present one before this day.
        self._before, self._base = 0, 0
        # Of this day on record, by all replicas; and how much of it was counted here.
        self._recorded, self._own = 0, 0
        self.day = self._today()

    def billed(self, metrics: Metrics) -> int:
        """What was billed today, in the cloud's unit."""
        today = self._today()
        if metrics is not self._metrics:
            if self._metrics is not None:
                self._before += self._metrics.billed - self._base
            self._metrics, self._base = metrics, 0
        if today != self.day:
            self.day, self._before, self._base = today, 0, metrics.billed
            self._recorded, self._own = 0, 0
        return self._recorded + self.unrecorded

    @property
    def unrecorded(self) -> int:
        """What was billed here today and is not on record."""
        return self._before + (self._metrics.billed if self._metrics else 0) - self._base - self._own

    def record(self, day: int, own: int, total: int) -> None:
        """Hear that so much of what was counted here is on record now, and what the day has there in all."""
        if day == self.day:
            self._own += own
            self._recorded = total

    def is_spent(self, metrics: Metrics, config: provider_pb2.ProviderConfig) -> bool:
        """Whether the provider has a budget and nothing of it is left."""
        return config.HasField("metrics_daily_budget") and self.billed(metrics) >= config.metrics_daily_budget

    @property
    def reset_time(self) -> float:
        """When the next day begins, seconds since 1970."""
        return (self.day + 1) * DAY

    def message(self, metrics: Metrics, config: provider_pb2.ProviderConfig) -> provider_pb2.MetricSpend:
        """As the contract has it."""
        billed = self.billed(metrics)
        spend = provider_pb2.MetricSpend(billed=billed, reset_time=_midnight(self.day + 1))
        if config.HasField("metrics_daily_budget"):
            spend.budget = config.metrics_daily_budget
            if billed >= spend.budget:
                spend.widened_interval.CopyFrom(duration(WIDENED))
        return spend

    def _today(self) -> int:
        return math.floor(self._clock.time() / DAY)


@lru_cache(maxsize=2)
def _midnight(day: int) -> timestamp_pb2.Timestamp:
    """When a day begins."""
    return timestamp(day * DAY)
