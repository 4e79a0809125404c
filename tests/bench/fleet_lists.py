"""Lists a fleet in a process of its own, once for each line on stdin: `python -m tests.bench.fleet_lists PEER ACCESS`.

ACCESS is what the sandbox says of a cloud, as JSON; for our client it is {"address", "parent"}. For each list it prints
{"instances", "cpu"}: how many there were, and seconds of CPU of this process. Imports and sign-in come before.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

Peer = Callable[[Any, ExitStack], Callable[[], int]]


def boto3_client(access: Any, _: ExitStack) -> Callable[[], int]:
    """boto3's paginator, with the largest pages."""
    import boto3

    pages = boto3.client(
        "ec2",
        region_name=access["regions"][0],
        endpoint_url=access["endpoint"],
        aws_access_key_id=access["access_key_id"],
        aws_secret_access_key=access["secret_access_key"],
    ).get_paginator("describe_instances")

    def read() -> Iterator[object]:
        for page in pages.paginate(PaginationConfig={"PageSize": 1000}):
            for reservation in page["Reservations"]:
                for one in reservation["Instances"]:
                    tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
                    yield one["InstanceId"], one["State"]["Name"], one["InstanceType"], one["PrivateIpAddress"], tags

    return lambda: len(list(read()))


def libcloud_client(access: Any, _: ExitStack) -> Callable[[], int]:
    """Libcloud's driver of EC2, which asks for all instances at once."""
    from urllib.parse import urlsplit

    from libcloud.compute.drivers.ec2 import EC2NodeDriver

    where = urlsplit(access["endpoint"])
    kind: Any = EC2NodeDriver
    driver = kind(
        access["access_key_id"],
        access["secret_access_key"],
        region=access["regions"][0],
        host=where.hostname,
        port=where.port,
        secure=False,
        signature_version="4",
        timeout=600,
    )

    def read() -> Iterator[object]:
        for one in driver.list_nodes():
            yield one.id, one.state, one.extra["instance_type"], one.private_ips, one.extra["tags"]

    return lambda: len(list(read()))


def google_client(access: Any, _: ExitStack) -> Callable[[], int]:
    """google-cloud-compute's aggregated list, with the largest pages."""
    from google.api_core.client_options import ClientOptions
    from google.cloud import compute_v1
    from google.oauth2 import service_account

    kind: Any = service_account.Credentials
    credentials = kind.from_service_account_file(
        access["credentials_file"], scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )
    client = compute_v1.InstancesClient(
        credentials=credentials, client_options=ClientOptions(api_endpoint=access["endpoint"])
    )
    request = compute_v1.AggregatedListInstancesRequest(project=access["project"], max_results=500)

    def read() -> Iterator[object]:
        for _, scope in client.aggregated_list(request=request):
            for one in scope.instances:
                address = one.network_interfaces[0].network_i_p
                yield one.id, one.name, one.status, one.machine_type, address, dict(one.labels)

    return lambda: len(list(read()))


def azure_client(access: Any, stack: ExitStack) -> Callable[[], int]:
    """azure-mgmt-compute: the machines, and whether they run, which is a list of its own. It knows no addresses."""
    from azure.identity import ClientSecretCredential
    from azure.mgmt.compute import ComputeManagementClient

    trust: dict[str, Any] = {"connection_verify": access["ca_file"]}
    identity = ClientSecretCredential(
        *(access[key] for key in ("tenant_id", "client_id", "client_secret")),
        authority=access["authority"],
        disable_instance_discovery=True,
        **trust,
    )
    client = stack.enter_context(
        ComputeManagementClient(
            identity,
            access["subscription_id"],
            base_url=access["endpoint"],
            credential_scopes=[f"{access['endpoint']}/.default"],
            **trust,
        )
    )

    def read() -> Iterator[object]:
        codes = {}
        for one in client.virtual_machines.list_all(status_only="true"):
            statuses = (one.instance_view and one.instance_view.statuses) or ()
            codes[(one.id or "").lower()] = [status.code for status in statuses]
        for one in client.virtual_machines.list_all():
            size = one.hardware_profile and one.hardware_profile.vm_size
            yield one.id, one.name, one.location, size, codes.get((one.id or "").lower()), dict(one.tags or {})

    return lambda: len(list(read()))


def our_client(access: Any, stack: ExitStack) -> Callable[[], int]:
    """Our Python client: all pages of a list that is really read from the cloud."""
    import novacron_client
    from google.protobuf import duration_pb2
    from novacron.cloud.v1 import provider_service_pb2 as pb

    request = pb.ListInstancesRequest(parent=access["parent"], page_size=1000)
    request.max_staleness.CopyFrom(duration_pb2.Duration())
    runner = stack.enter_context(asyncio.Runner())
    client = runner.run(_entered(novacron_client.connect(access["address"])))
    stack.callback(lambda: runner.run(client.close()))

    async def read() -> int:
        found = [
            (one.name, one.state, one.instance_type, one.private_ips[:], dict(one.tags))
            async for one in client.list(request)
        ]
        return len(found)

    return lambda: runner.run(read())


async def _entered(client: Any) -> Any:
    return await client.__aenter__()


PEERS: dict[str, Peer] = {
    "boto3": boto3_client,
    "libcloud": libcloud_client,
    "google-cloud-compute": google_client,
    "azure-mgmt-compute": azure_client,
    "ours": our_client,
}


def main() -> None:
    with ExitStack() as stack:
        run = PEERS[sys.argv[1]](json.loads(sys.argv[2]), stack)
        for _ in sys.stdin:
            began = time.process_time()
            found = run()
            print(json.dumps({"instances": found, "cpu": time.process_time() - began}), flush=True)


if __name__ == "__main__":
    main()
