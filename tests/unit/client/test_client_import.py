"""The client is small: it brings in neither SDKs nor the server, and says what it exports."""

import subprocess
import sys

import novacron_client

HEAVY = ("boto3", "botocore", "numpy", "novacron_server", "novacron_providers", "novacron_sandbox", "typer", "rich")


def test_import_brings_in_nothing_but_grpc_and_protobuf() -> None:
    code = f"import novacron_client, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_what_is_exported_is_sorted_and_there() -> None:
    assert novacron_client.__all__ == sorted(novacron_client.__all__)
    assert all(hasattr(novacron_client, name) for name in novacron_client.__all__)
