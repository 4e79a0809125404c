"""Microsoft Azure: virtual machines, metrics from Azure Monitor."""

from novacron.cloud.v1 import capabilities_pb2 as capabilities

from novacron_providers.azure.connection import AzureConnection, check
from novacron_providers.contract.provider import Provider

_NATIVE = capabilities.SUPPORT_LEVEL_NATIVE
_LIMITS = {
    capabilities.CAPABILITY_INSTANCES: (
        "a network card has one security group; a public address only where it is asked for; "
        "data disks have no iops and no throughput of their own"
    ),
    capabilities.CAPABILITY_INSTANCE_KEEP_HOST: "",
    capabilities.CAPABILITY_INSTANCE_SPOT: "they are deallocated, not deleted, when Azure takes them away",
    capabilities.CAPABILITY_INSTANCE_GPU: "by instance_type only",
    capabilities.CAPABILITY_METRICS: "every minute, about 2 minutes late; no packets; memory with azure.workspace_id",
    capabilities.CAPABILITY_CUSTOM_METRICS: (
        "of instances only; a second value of one series and time counts beside the first; no older than 20 minutes"
    ),
}

PROVIDER = Provider(
    kind="azure",
    display_name="Microsoft Azure",
    capabilities=[
        capabilities.CapabilityStatus(capability=capability, level=_NATIVE, limits=limits)
        for capability, limits in _LIMITS.items()
    ],
    check=check,
    connect=AzureConnection,
)
