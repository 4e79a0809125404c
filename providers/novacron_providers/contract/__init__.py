"""What an adapter is: one abstract class per area, errors, names, filters, page tokens. No I/O, no SDK."""

from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.clock import Clock, ScaledClock, SystemClock
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import CloudError, from_status, to_status
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.metrics import Metrics, Points, SeriesKey, Window
from novacron_providers.contract.names import ResourceName
from novacron_providers.contract.provider import Area, Connection, Identity, Provider, Settings
from novacron_providers.contract.secret import Secret

__all__ = [
    "Area",
    "Call",
    "Clock",
    "CloudError",
    "Compute",
    "Connection",
    "Filter",
    "Identity",
    "Metrics",
    "Op",
    "Points",
    "Provider",
    "ResourceName",
    "ScaledClock",
    "Secret",
    "SeriesKey",
    "Settings",
    "SystemClock",
    "Window",
    "from_status",
    "to_status",
]
