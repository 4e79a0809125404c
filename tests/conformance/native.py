"""The account behind a provider, through its cloud's own SDK: what exists there is never counted by our code."""

import json
import pathlib
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import boto3
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.monitor.querymetrics import MetricsClient
from google.cloud import compute_v1
from novacron_sandbox import Sandbox

from tests.unit.sandbox.google import Metrics, client, points
from tests.unit.sandbox.microsoft import arm, entra


class Machine(NamedTuple):
    """What a cloud says of a machine.

    Attributes:
        disks: Sizes of its disks in GiB, ascending.
        keys: How many keys may log in.
        user_data: What it was given to start with; empty where the cloud does not show it.
    """

    disks: list[int]
    keys: int
    user_data: bytes


class Account(ABC):
    """An account of the sandbox.

    Attributes:
        id: As Provider.native_id has it.
        secret: A part of its credentials that nothing may show.
        wrong_auth: Credentials of the right form that it does not take.
    """

    id: str
    secret: str
    wrong_auth: Mapping[str, str]

    @abstractmethod
    def alive(self, name: str) -> int:
        """How many machines there are with that name for people."""

    @abstractmethod
    def machine(self, native_id: str) -> Machine:
        """What there is under that id."""

    @abstractmethod
    def custom(self, metric: str, native_id: str, attributes: Mapping[str, str], since: int) -> dict[int, float]:
        """What the store has under a name of its own for a machine: whole minute by value, from `since` for an hour."""


class Aws(Account):
    """AWS, through boto3."""

    id = "123456789012"

    def __init__(self, sandbox: Sandbox) -> None:
        aws = sandbox.aws
        self.secret = aws["secret_access_key"]
        self.wrong_auth = {"access_key_id": "AKIAUNKNOWN000000000", "secret_access_key": "canary-secret"}
        where = {
            "region_name": aws["regions"][0],
            "endpoint_url": aws["endpoint"],
            "aws_access_key_id": aws["access_key_id"],
            "aws_secret_access_key": aws["secret_access_key"],
        }
        self._ec2, self._cloudwatch = boto3.client("ec2", **where), boto3.client("cloudwatch", **where)

    def alive(self, name: str) -> int:
        states = ["pending", "running", "stopping", "stopped"]
        pages = self._ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:Name", "Values": [name]}, {"Name": "instance-state-name", "Values": states}]
        )
        return sum(len(group["Instances"]) for page in pages for group in page["Reservations"])

    def machine(self, native_id: str) -> Machine:
        (group,) = self._ec2.describe_instances(InstanceIds=[native_id])["Reservations"]
        raw = group["Instances"][0]
        ids = [mapping["Ebs"]["VolumeId"] for mapping in raw["BlockDeviceMappings"]]
        volumes = self._ec2.describe_volumes(VolumeIds=ids)["Volumes"]
        data = self._ec2.describe_instance_attribute(InstanceId=native_id, Attribute="userData")
        return Machine(
            disks=sorted(volume["Size"] for volume in volumes),
            keys=int("KeyName" in raw),
            user_data=b64decode(data["UserData"]["Value"]),
        )

    def custom(self, metric: str, native_id: str, attributes: Mapping[str, str], since: int) -> dict[int, float]:
        dimensions = [{"Name": k, "Value": v} for k, v in {"InstanceId": native_id, **attributes}.items()]
        series = {"Namespace": "NovaCron", "MetricName": metric, "Dimensions": dimensions}
        query: Any = {"Id": "m", "MetricStat": {"Metric": series, "Period": 60, "Stat": "Average"}}
        begin, end = (datetime.fromtimestamp(at, UTC) for at in (since, since + 3600))
        found = self._cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=begin, EndTime=end)
        (result,) = found["MetricDataResults"]
        return {int(at.timestamp()): value for at, value in zip(result["Timestamps"], result["Values"], strict=True)}


class Azure(Account):
    """Azure, through azure-mgmt-compute."""

    def __init__(self, sandbox: Sandbox) -> None:
        azure = sandbox.azure
        self.id, self.secret = azure["subscription_id"], azure["client_secret"]
        who = {key: azure[key] for key in ("tenant_id", "client_id")}
        self.wrong_auth = {**who, "client_secret": "canary-secret"}
        credential = ClientSecretCredential(**who, client_secret=self.secret, **entra(sandbox))
        # The models of the SDK do not tell what their fields may be.
        self._machines: Any = ComputeManagementClient(credential, self.id, **arm(sandbox)).virtual_machines
        trust = {"audience": azure["endpoint"], "connection_verify": azure["ca_file"]}
        self._metrics = MetricsClient(azure["metrics_endpoint"], credential, **trust)

    def alive(self, name: str) -> int:
        return sum(raw.tags.get("novacron-name") == name for raw in self._machines.list_all())

    def machine(self, native_id: str) -> Machine:
        parts = native_id.split("/")
        raw = self._machines.get(parts[4], parts[8])
        disks = [raw.storage_profile.os_disk, *raw.storage_profile.data_disks]
        return Machine(
            disks=sorted(disk.disk_size_gb for disk in disks),
            keys=len(raw.os_profile.linux_configuration.ssh.public_keys),
            user_data=b"",
        )

    def custom(self, metric: str, native_id: str, attributes: Mapping[str, str], since: int) -> dict[int, float]:
        begin, end = (datetime.fromtimestamp(at, UTC) for at in (since, since + 3600))
        (found,) = self._metrics.query_resources(
            resource_ids=[native_id],
            metric_namespace="NovaCron",
            metric_names=[metric],
            timespan=(begin, end),
            granularity=timedelta(minutes=1),
            aggregations=["Average"],
        )
        points = found.metrics[0].timeseries[0].data
        return {int(point.timestamp.timestamp()): point.average for point in points if point.average is not None}


class Gcp(Account):
    """Google Cloud, through google-cloud-compute."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.id = sandbox.gcp["project"]
        key = json.loads(pathlib.Path(sandbox.gcp["credentials_file"]).read_text())
        self.secret = key["private_key"].splitlines()[1]
        stranger = {**key, "client_email": f"stranger@{self.id}.iam.gserviceaccount.com"}
        self.wrong_auth = {"service_account_json": json.dumps(stranger)}
        self._instances = client(compute_v1.InstancesClient, sandbox)
        self._metrics = Metrics(sandbox)

    def alive(self, name: str) -> int:
        zones = self._instances.aggregated_list(project=self.id)
        return sum(raw.description == name for _, zone in zones for raw in zone.instances)

    def machine(self, native_id: str) -> Machine:
        parts = native_id.split("/")
        raw = self._instances.get(project=self.id, zone=parts[-3], instance=parts[-1])
        metadata = {item.key: item.value for item in raw.metadata.items}
        return Machine(
            disks=sorted(disk.disk_size_gb for disk in raw.disks),
            keys=len(metadata["ssh-keys"].splitlines()),
            user_data=metadata["user-data"].encode(),
        )

    def custom(self, metric: str, native_id: str, attributes: Mapping[str, str], since: int) -> dict[int, float]:
        parts = native_id.split("/")
        number = self._instances.get(project=self.id, zone=parts[-3], instance=parts[-1]).id
        name = metric.removeprefix("custom.").replace(".", "/")
        found = self._metrics.series_of(f"custom.googleapis.com/{name}", since - 1, since + 3600)
        return {
            at: value
            for series in found
            if series.resource.labels["instance_id"] == str(number) and dict(series.metric.labels) == dict(attributes)
            for at, value in points(series).items()
        }


ACCOUNTS: Mapping[str, Callable[[Sandbox], Account]] = {"aws": Aws, "azure": Azure, "gcp": Gcp}
