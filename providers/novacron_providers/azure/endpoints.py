"""Where Azure is."""

from typing import NamedTuple

IMDS = "http://169.254.169.254"


class Endpoints(NamedTuple):
    """Where the parts of Azure are; empty ones are those of Azure's public cloud.

    Attributes:
        arm: Resource Manager.
        authority: Microsoft Entra.
        metrics: Azure Monitor's metrics; "{region}" in it is replaced.
        custom: Where custom metrics are written; "{region}" in it is replaced.
        logs: Log Analytics.
        imds: The machine's metadata service.
        ca_file: Certificates to trust in place of the machine's.
    """

    arm: str = ""
    authority: str = ""
    metrics: str = ""
    custom: str = ""
    logs: str = ""
    imds: str = ""
    ca_file: str = ""


PUBLIC = Endpoints(
    arm="https://management.azure.com",
    authority="https://login.microsoftonline.com",
    metrics="https://{region}.metrics.monitor.azure.com",
    custom="https://{region}.monitoring.azure.com",
    logs="https://api.loganalytics.io",
    imds=IMDS,
)
