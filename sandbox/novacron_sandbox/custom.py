"""Metrics that callers write: every value, as a cloud's store keeps it, by series."""

import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Series(NamedTuple):
    """Where a value belongs: account or resource, the metric with its namespace, and sorted dimensions."""

    place: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]


class CustomMetrics:
    """All values that were written, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Series, list[tuple[float, float]]] = {}

    def add(self, series: Series, time: float, value: float) -> None:
        """Keep a value."""
        with self._lock:
            self._values.setdefault(series, []).append((time, value))

    def last(self, series: Series) -> float | None:
        """Return the newest time that a series has a value of; None when it has none."""
        with self._lock:
            return max((time for time, _ in self._values.get(series, ())), default=None)

    def find(self, place: str, metric: str = "") -> Iterator[tuple[Series, list[tuple[float, float]]]]:
        """Yield the series of a place, or of one metric of it, with their values in the order of time."""
        with self._lock:
            found = [
                (series, sorted(values, key=lambda value: value[0]))
                for series, values in self._values.items()
                if series.place == place and metric in ("", series.metric)
            ]
        yield from found

    def values(self, place: str, metric: str, dimensions: Mapping[str, str]) -> list[tuple[float, float]]:
        """Return the (time, value)s of one series, in the order of time."""
        series = Series(place, metric, tuple(sorted(dimensions.items())))
        return next((values for one, values in self.find(place, metric) if one == series), [])

    def clear(self) -> None:
        """Start again from nothing."""
        with self._lock:
            self._values.clear()
