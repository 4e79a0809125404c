"""`novacron-cloud sandbox`: a cloud on loopback, to play with."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from novacron_cli.durations import duration


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    metrics_period: Annotated[
        float, typer.Option(parser=duration, metavar="DURATION", show_default="5m", help="Time between two values.")
    ] = 300,
    metrics_lag: Annotated[
        float, typer.Option(parser=duration, metavar="DURATION", show_default="5m", help="How late values arrive.")
    ] = 300,
    boot: Annotated[
        float, typer.Option(parser=duration, metavar="DURATION", show_default="2s", help="Time to start or stop.")
    ] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Tell where it is as one line of JSON.")] = False,
) -> None:
    """Run a sandbox cloud until Ctrl-C: AWS's API on loopback, with machines that have workloads."""
    import asyncio
    import json
    import os

    from novacron_cli.failure import USAGE, fail, tell, told
    from novacron_cli.output import write

    try:
        from novacron_sandbox import Sandbox, SandboxError
    except ModuleNotFoundError as error:
        hint = "pip install 'novacron-cloud[sandbox]'"
        raise fail(f"the sandbox is not installed (no {error.name}): {hint}", USAGE) from None

    async def run() -> None:
        if not as_json:
            tell("starting the sandbox ...")
        cloud = Sandbox(port=port, metrics_period=round(metrics_period), metrics_lag=metrics_lag, boot_seconds=boot)
        async with cloud:
            write(
                json.dumps({"aws": cloud.aws, "pid": cloud.pid})
                if as_json
                else usage(cloud.aws, metrics_period, metrics_lag)
            )
            # Sees the end of the child and leaves its reaping to Sandbox. At Ctrl-C this is cancelled first.
            await asyncio.to_thread(os.waitid, os.P_PID, cloud.pid, os.WEXITED | os.WNOWAIT)
            raise fail("the sandbox ended by itself")

    with told():
        try:
            asyncio.run(run())
        except SandboxError as error:
            raise fail(str(error)) from None


def usage(aws: Mapping[str, Any], period: float, lag: float) -> str:
    """How to use a sandbox that runs."""
    return f"""\
AWS        {aws["endpoint"]}
regions    {" ".join(aws["regions"])}
image      {aws["image"]}

register it with a server:
  novacron-cloud providers register aws --kind aws --endpoint {aws["endpoint"]} \\
    --auth access_key_id={aws["access_key_id"]} --auth secret_access_key={aws["secret_access_key"]} \\
    --option metrics.period={period:g} --option metrics.lag={lag:g}
ask it directly:
  AWS_ACCESS_KEY_ID={aws["access_key_id"]} AWS_SECRET_ACCESS_KEY={aws["secret_access_key"]} \\
    aws ec2 describe-instances --endpoint-url {aws["endpoint"]} --region us-east-1
Ctrl-C ends it."""
