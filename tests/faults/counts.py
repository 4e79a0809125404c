"""What there is in a cloud, asked of it directly by the cloud's own SDK: our code has no part in it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from novacron_sandbox import Sandbox

# Tag, or label, by which a machine tells for which request it was made.
TAG = "request"


class Made(NamedTuple):
    """A machine, of whichever request, and whether it runs, is off, or is gone ("running", "off", "gone")."""

    request: str
    state: str


def made(sandbox: Sandbox, cloud: str) -> list[Made]:
    """Every machine that carries the tag, those that are gone too where the cloud still tells of them. Blocks."""
    return [*{"aws": _aws, "azure": _azure, "gcp": _gcp}[cloud](sandbox)]


def _aws(sandbox: Sandbox) -> Iterable[Made]:
    import boto3

    states = {"running": "running", "pending": "running", "stopped": "off", "stopping": "off"}
    for region in sandbox.aws["regions"]:
        ec2 = boto3.client(
            "ec2",
            region_name=region,
            endpoint_url=sandbox.aws["endpoint"],
            aws_access_key_id=sandbox.aws["access_key_id"],
            aws_secret_access_key=sandbox.aws["secret_access_key"],
        )
        pages = ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "tag-key", "Values": [TAG]}])
        for page in pages:
            for reservation in page["Reservations"]:
                for instance in reservation["Instances"]:
                    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
                    yield Made(tags[TAG], states.get(instance["State"]["Name"], "gone"))
        ec2.close()


def _azure(sandbox: Sandbox) -> Iterable[Made]:
    from azure.identity import ClientSecretCredential
    from azure.mgmt.compute import ComputeManagementClient

    azure = sandbox.azure
    trust: dict[str, Any] = {"connection_verify": azure["ca_file"]}
    with (
        ClientSecretCredential(
            *(azure[key] for key in ("tenant_id", "client_id", "client_secret")),
            authority=azure["authority"],
            disable_instance_discovery=True,
            **trust,
        ) as identity,
        ComputeManagementClient(
            identity,
            azure["subscription_id"],
            base_url=azure["endpoint"],
            credential_scopes=[f"{azure['endpoint']}/.default"],
            **trust,
        ) as client,
    ):
        for machine in client.virtual_machines.list_all(status_only="true"):
            if TAG in (machine.tags or {}):
                codes = [status.code or "" for status in (machine.instance_view and machine.instance_view.statuses) or ()]
                off = any(code in ("PowerState/deallocated", "PowerState/stopped") for code in codes)
                yield Made((machine.tags or {})[TAG], "off" if off else "running")


def _gcp(sandbox: Sandbox) -> Iterable[Made]:
    from google.api_core.client_options import ClientOptions
    from google.cloud import compute_v1
    from google.oauth2 import service_account

    kind: Any = service_account.Credentials
    key = json.loads(Path(sandbox.gcp["credentials_file"]).read_text())
    credentials = kind.from_service_account_info(key, scopes=["https://www.googleapis.com/auth/cloud-platform"])
    with compute_v1.InstancesClient(
        credentials=credentials, client_options=ClientOptions(api_endpoint=sandbox.gcp["endpoint"])
    ) as client:
        for _, scoped in client.aggregated_list(project=sandbox.gcp["project"]):
            for machine in scoped.instances:
                if TAG in machine.labels:
                    off = machine.status in ("TERMINATED", "STOPPING")
                    yield Made(machine.labels[TAG], "off" if off else "running")
