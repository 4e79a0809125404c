"""Google Cloud: instances on Compute Engine, metrics from Cloud Monitoring."""

from novacron.cloud.v1 import capabilities_pb2 as capabilities

from novacron_providers.contract.provider import Provider
from novacron_providers.gcp.connection import GcpConnection, check

_NATIVE = capabilities.SUPPORT_LEVEL_NATIVE
_LIMITS = {
    capabilities.CAPABILITY_INSTANCES: (
        "tags are labels, so in small letters; security groups are network tags; a public address only where it is "
        "asked for; a restart always cuts the power"
    ),
    capabilities.CAPABILITY_INSTANCE_CUSTOM_SHAPE: (
        "1 vcpu or an even number up to 32, 0.5 to 8 GiB for each in steps of 256 MiB; x86 only"
    ),
    capabilities.CAPABILITY_INSTANCE_SUSPEND: "at most 60 days; not with GPUs, and not for every machine type",
    capabilities.CAPABILITY_INSTANCE_SPOT: "they are stopped, not deleted, when Google takes them away",
    capabilities.CAPABILITY_INSTANCE_GPU: "by instance_type only",
    capabilities.CAPABILITY_METRICS: "every minute, about 4 minutes late; no memory, which an agent in the guest has",
    capabilities.CAPABILITY_CUSTOM_METRICS: (
        "each value of a series is newer than the one before, by 5 seconds; no older than a day"
    ),
}

PROVIDER = Provider(
    kind="gcp",
    display_name="Google Cloud",
    capabilities=[
        capabilities.CapabilityStatus(capability=capability, level=_NATIVE, limits=limits)
        for capability, limits in _LIMITS.items()
    ],
    check=check,
    connect=GcpConnection,
)
