"""`novacron-cloud sandbox`: clouds on loopback, to play with."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from novacron_cli.durations import duration

# How to ask each of them without us.
_ASK = {
    "aws": """\
AWS_ACCESS_KEY_ID={access_key_id} AWS_SECRET_ACCESS_KEY={secret_access_key} \\
    aws ec2 describe-instances --endpoint-url {endpoint} --region us-east-1""",
    "azure": """\
token=$(curl -s --cacert {ca_file} {authority}/{tenant_id}/oauth2/v2.0/token -d grant_type=client_credentials \\
    -d client_id={client_id} -d client_secret={client_secret} -d scope={endpoint}/.default \\
    | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
  curl -s --cacert {ca_file} -H "Authorization: Bearer $token" \\
    "{endpoint}/subscriptions/{subscription_id}/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01\"""",
    "gcp": """\
token=$(curl -s -H 'Metadata-Flavor: Google' \\
    http://{metadata_host}/computeMetadata/v1/instance/service-accounts/default/token \\
    | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
  curl -s -H "Authorization: Bearer $token" {endpoint}/compute/v1/projects/{project}/aggregated/instances""",
}


def sandbox(
    clouds: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Clouds to run, such as aws,gcp.", show_default="all")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the first cloud on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    metrics_period: Annotated[
        float | None,
        typer.Option(
            parser=duration, metavar="DURATION", show_default="the cloud's own", help="Time between two values."
        ),
    ] = None,
    metrics_lag: Annotated[
        float | None,
        typer.Option(
            parser=duration, metavar="DURATION", show_default="the cloud's own", help="How late values arrive."
        ),
    ] = None,
    boot: Annotated[
        float, typer.Option(parser=duration, metavar="DURATION", show_default="2s", help="Time to start or stop.")
    ] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Tell where they are as one line of JSON.")] = False,
) -> None:
    """Run sandbox clouds on loopback. AWS, Azure and Google Cloud, with machines that have workloads, until Ctrl-C."""
    import asyncio
    import json
    import os

    from novacron_cli.failure import USAGE, fail, tell, told
    from novacron_cli.output import write

    try:
        from novacron_sandbox import Sandbox, SandboxError
        from novacron_sandbox.clouds import CLOUDS
    except ModuleNotFoundError as error:
        hint = "pip install 'novacron-cloud[sandbox]'"
        raise fail(f"the sandbox is not installed (no {error.name}): {hint}", USAGE) from None
    names = CLOUDS if clouds is None else tuple(dict.fromkeys(clouds.split(",")))
    if unknown := [name for name in names if name not in CLOUDS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(CLOUDS)}", param_hint="--clouds")
    # The sandbox counts in whole seconds.
    period = None if metrics_period is None else round(metrics_period)

    async def run() -> None:
        if not as_json:
            tell("starting the sandbox ...")
        running = Sandbox(clouds=names, port=port, metrics_period=period, metrics_lag=metrics_lag, boot_seconds=boot)
        async with running:
            found = {name: getattr(running, name) for name in names}
            if as_json:
                write(json.dumps(found | {"pid": running.pid}))
            else:
                write("\n\n".join(usage(name, found[name], period, metrics_lag) for name in names))
                write("\nCtrl-C ends it.")
            # Sees the end of the child and leaves its reaping to Sandbox. At Ctrl-C this is cancelled first.
            await asyncio.to_thread(os.waitid, os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
            raise fail("the sandbox ended by itself")

    with told():
        try:
            asyncio.run(run())
        except SandboxError as error:
            raise fail(str(error)) from None


def usage(name: str, cloud: Mapping[str, Any], period: float | None, lag: float | None) -> str:
    """How to use a cloud that runs."""
    from novacron_cli.registration import Registration

    return f"""\
{name:<10} {cloud["endpoint"]}
regions    {" ".join(cloud["regions"])}
image      {cloud["image"]}
type       {cloud.get("instance_type", "t3.micro")}

register it with a server:
  {Registration.of(name, cloud, period=period, lag=lag).command()}
ask it directly:
  {_ASK[name].format_map(cloud)}"""
