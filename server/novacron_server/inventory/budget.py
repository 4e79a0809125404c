"""What reading metrics costs in a day, and what happens when that is spent: reads become rare, and say so."""

import math

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

    It counts what this process read since it started: after a restart, and beside other replicas, the rest of the day
    is not known.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._metrics: Metrics | None = None
        # Billed today: by connections that are gone, and by the present one before this day.
        self._before, self._base = 0, 0
        self._day = self._today()

    def billed(self, metrics: Metrics) -> int:
        """What was billed today, in the cloud's unit."""
        today = self._today()
        if metrics is not self._metrics:
            if self._metrics is not None:
                self._before += self._metrics.billed - self._base
            self._metrics, self._base = metrics, 0
        if today != self._day:
            self._day, self._before, self._base = today, 0, metrics.billed
        return self._before + metrics.billed - self._base

    def is_spent(self, metrics: Metrics, config: provider_pb2.ProviderConfig) -> bool:
        """Whether the provider has a budget and nothing of it is left."""
        return config.HasField("metrics_daily_budget") and self.billed(metrics) >= config.metrics_daily_budget

    @property
    def reset_time(self) -> float:
        """When the next day begins, seconds since 1970."""
        return (self._day + 1) * DAY

    def message(self, metrics: Metrics, config: provider_pb2.ProviderConfig) -> provider_pb2.MetricSpend:
        """As the contract has it."""
        spend = provider_pb2.MetricSpend(billed=self.billed(metrics), reset_time=timestamp(self.reset_time))
        if config.HasField("metrics_daily_budget"):
            spend.budget = config.metrics_daily_budget
        if self.is_spent(metrics, config):
            spend.widened_interval.CopyFrom(duration(WIDENED))
        return spend

    def _today(self) -> int:
        return math.floor(self._clock.time() / DAY)
