"""boto3 against a sandbox: one attempt for each call, so that a test sees what the sandbox answered."""

from typing import Any

import boto3
from botocore.config import Config
from novacron_sandbox import Sandbox


def client(service: str, sandbox: Sandbox, *, region: str = "us-east-1", **keys: str) -> Any:
    """A client with the sandbox's keys, or with those given (access_key_id, secret_access_key, session_token)."""
    keys = keys or {name: sandbox.aws[name] for name in ("access_key_id", "secret_access_key")}
    return boto3.client(
        service,  # type: ignore[call-overload]  # the name is not a literal here
        region_name=region,
        endpoint_url=sandbox.aws["endpoint"],
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=20, max_pool_connections=32),
        **{f"aws_{name}": value for name, value in keys.items()},
    )
