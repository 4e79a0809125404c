"""A start costs no SDK, whatever is registered."""

import asyncio
import importlib.util
import json
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2
from novacron_providers.contract import Secret
from novacron_server.security.seal import Seal
from novacron_server.state.providers import ProviderRow, put_provider
from novacron_server.state.store import Store

from tests.servers import flags

# SDKs, what only they bring, and what the server needs for an export that nobody asked for.
HEAVY = (
    "aiohttp",
    "azure.core",
    "azure.identity",
    "azure.mgmt",
    "azure.monitor",
    "boto3",
    "botocore",
    "google.api_core",
    "google.auth",
    "google.cloud",
    "moto",
    "msal",
    "opentelemetry.sdk",
    "requests",
)
GUID = "00000000-0000-0000-0000-000000000001"
KEY = {
    "type": "service_account",
    "private_key": "-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n",
    "client_email": "me@my-project.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
# Configuration and credentials of each kind. That they are no good does not matter: a start does not sign in.
REGISTERED: dict[str, tuple[provider_pb2.ProviderConfig, dict[str, str]]] = {
    "aws": (
        provider_pb2.ProviderConfig(regions=["us-east-1"], default_region="us-east-1"),
        {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"},
    ),
    "azure": (
        provider_pb2.ProviderConfig(project=GUID),
        {"tenant_id": GUID, "client_id": GUID, "client_secret": "secret"},
    ),
    "gcp": (provider_pb2.ProviderConfig(project="my-project"), {"service_account_json": json.dumps(KEY)}),
}
# Tells what is imported when calls are served, and what the connection of each provider says without asking its cloud.
PROGRAM = """
import asyncio, json, sys
import novacron_client
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_server.app import App
from novacron_server.config import load

async def main():
    async with App(load(None, SETTINGS)) as app:
        serving = [name for name in HEAVY if name in sys.modules]
        described = {}
        async with novacron_client.connect(app.address) as client:
            for name in NAMES:
                answer = await client.call(pb.ListMetricDescriptorsRequest(parent=f"providers/{name}"))
                described[name] = len(answer.metric_descriptors)
        await asyncio.to_thread(app.warm)
        warm = [name for name in HEAVY if name in sys.modules]
    print(json.dumps({"serving": serving, "described": described, "warm": warm}))

asyncio.run(main())
"""


# What a start with nothing registered, on SQLite, has no use for; and of that, what is imported right after it.
UNUSED = (
    "alembic",
    "cryptography",
    "novacron_providers.aws",
    "novacron_providers.azure",
    "novacron_providers.gcp",
    "novacron_providers.kit",
    "numpy",
    "opentelemetry",
    "pydantic",
    "rich",
    "psycopg",
    "sqlalchemy",
    "typer",
)
WARM = {"cryptography", "opentelemetry"}


async def started(heavy: Sequence[str], names: Sequence[str], settings: Mapping[str, str]) -> dict[str, Any]:
    """What a server of its own process found of `heavy`, and of the providers `names`."""
    # Else a name that no longer exists would go unnoticed.
    assert all(importlib.util.find_spec(name) for name in heavy)
    program = f"HEAVY, NAMES, SETTINGS = {heavy!r}, {names!r}, {settings!r}\n{PROGRAM}"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def test_a_start_imports_no_sdk(tmp_path: pathlib.Path) -> None:
    settings = {name: str(value) for name, value in flags(tmp_path).items()}
    seal = await asyncio.to_thread(Seal.from_file, pathlib.Path(settings["key_file"]))
    store = await Store.open(settings["database"])
    for kind, (config, auth) in REGISTERED.items():
        sealed = seal.seal(kind, {key: Secret(value) for key, value in auth.items()})
        await put_provider(
            store, ProviderRow(kind, kind, "", config.SerializeToString(), sealed, False, 1, "rpc", 1.7e9)
        )
    await store.close()
    found = await started(HEAVY, [*REGISTERED], settings)
    assert found["described"].keys() == REGISTERED.keys() and all(found["described"].values())
    assert found["serving"] == []


async def test_a_start_imports_no_adapter_that_nothing_is_registered_with(tmp_path: pathlib.Path) -> None:
    settings = {name: str(value) for name, value in flags(tmp_path).items()}
    for _ in ("a new database", "one of this version"):
        found = await started(UNUSED, [], settings)
        assert found["serving"] == [] and set(found["warm"]) >= WARM
