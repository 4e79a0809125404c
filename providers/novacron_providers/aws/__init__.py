"""Amazon Web Services: instances on EC2, metrics from CloudWatch."""

from novacron.cloud.v1 import capabilities_pb2 as capabilities

from novacron_providers.aws.connection import AwsConnection, check
from novacron_providers.contract.provider import Provider

_NATIVE = capabilities.SUPPORT_LEVEL_NATIVE
_LIMITS = {
    capabilities.CAPABILITY_INSTANCES: "at most 11 data disks; a restart cannot be forced",
    capabilities.CAPABILITY_INSTANCE_SUSPEND: "only what was launched with HibernationOptions (provider_options)",
    capabilities.CAPABILITY_INSTANCE_SPOT: "one-time requests; they cannot be stopped",
    capabilities.CAPABILITY_INSTANCE_GPU: "by instance_type only",
    capabilities.CAPABILITY_METRICS: "every 5 minutes, about 5 minutes late; 1 minute with detailed monitoring",
    capabilities.CAPABILITY_CUSTOM_METRICS: (
        "a second value of one series and time counts beside the first; no older than 14 days"
    ),
}

PROVIDER = Provider(
    kind="aws",
    display_name="Amazon Web Services",
    capabilities=[
        capabilities.CapabilityStatus(capability=capability, level=_NATIVE, limits=limits)
        for capability, limits in _LIMITS.items()
    ],
    check=check,
    connect=AwsConnection,
)
