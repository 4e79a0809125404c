"""What every cloud of the sandbox is started with, and what it says of itself once it runs.

A cloud is a subpackage with `start(options: Options) -> Running`; it listens before it returns.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from novacron_sandbox.clock import Clock

# In this order they are started.
CLOUDS = ("aws", "azure", "gcp")


@dataclass(frozen=True)
class Options:
    """How a cloud is to run: its clock, its port, a folder for its files, and times in seconds.

    `metrics_period` and `metrics_lag` of None leave the cloud its own. `port` 0 takes a free one. `folder` is the
    cloud's own and goes when the sandbox ends.
    """

    clock: Clock
    folder: Path
    port: int = 0
    boot_seconds: float = 2.0
    metrics_period: int | None = None
    metrics_lag: float | None = None


class Running(Protocol):
    """A cloud that answers."""

    @property
    def ready(self) -> dict[str, Any]:
        """What the ready line of the sandbox says about it."""

    def stop(self) -> None:
        """Answer no more."""


def start(cloud: str, options: Options) -> Running:
    """Start a cloud of CLOUDS. Raises OSError, before anything slow, when its port cannot be had."""
    running: Running = importlib.import_module(f"novacron_sandbox.{cloud}").start(options)
    return running
