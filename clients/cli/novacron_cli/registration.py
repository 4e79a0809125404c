"""How each cloud of a sandbox is registered with a server."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from novacron_cli.arguments import pairs, secret, settings

# Filled in with what a cloud says of itself.
_PROJECT = {"azure": "{subscription_id}", "gcp": "{project}"}
_AUTH = {
    "aws": ("access_key_id={access_key_id}", "secret_access_key={secret_access_key}"),
    "azure": ("tenant_id={tenant_id}", "client_id={client_id}", "client_secret={client_secret}"),
    "gcp": ("service_account_json=@{credentials_file}",),
}
_OPTIONS = {
    "azure": (
        "azure.authority={authority}",
        "azure.ca_file={ca_file}",
        "azure.metrics_endpoint={metrics_endpoint}",
        "azure.custom_metrics_endpoint={custom_metrics_endpoint}",
        "azure.logs_endpoint={logs_endpoint}",
        "azure.workspace_id={workspace_id}",
    ),
    "gcp": ("gcp.monitoring_endpoint={monitoring_endpoint}",),
}


@dataclass(frozen=True, slots=True)
class Registration:
    """What a server has to know of one cloud.

    Attributes:
        kind: Kind of provider.
        endpoint: Where the cloud's API is.
        project: Subscription or project; empty where the credentials say it.
        regions: Those to use; the first is that of requests that name none.
        auth: KEY=VALUE, or KEY=@FILE for what a file has, as `providers register --auth` takes it.
        options: KEY=VALUE, as `providers register --option` takes it.
    """

    kind: str
    endpoint: str
    project: str
    regions: Sequence[str]
    auth: Sequence[str]
    options: Sequence[str]

    @classmethod
    def of(
        cls, kind: str, cloud: Mapping[str, Any], *, period: float | None = None, lag: float | None = None
    ) -> "Registration":
        """The registration of a cloud that says this of itself.

        `period` and `lag` of metrics are in seconds, those that the sandbox was given; None: those of the cloud itself.
        """
        times = {"metrics.period": period, "metrics.lag": lag}
        return cls(
            kind=kind,
            endpoint=cloud["endpoint"],
            project=_PROJECT.get(kind, "").format_map(cloud),
            regions=cloud["regions"],
            auth=[text.format_map(cloud) for text in _AUTH[kind]],
            options=[
                *(text.format_map(cloud) for text in _OPTIONS.get(kind, ())),
                *(f"{key}={value:g}" for key, value in times.items() if value is not None),
            ],
        )

    def config(self) -> dict[str, Any]:
        """The fields of a ProviderConfig; reads the files that `auth` names."""
        return {
            "endpoint": self.endpoint,
            "project": self.project,
            "regions": self.regions,
            "default_region": self.regions[0],
            "auth": pairs([secret(text) for text in self.auth], "--auth"),
            "options": settings(self.options, "--option"),
        }

    def command(self) -> str:
        """The command that registers it, for a shell."""
        lines = [["novacron-cloud", "providers", "register", self.kind, "--kind", self.kind]]
        lines += [["--endpoint", self.endpoint]]
        lines += [["--project", self.project]] if self.project else []
        lines += [["--default-region", self.regions[0]]]
        lines += [["--auth", text] for text in self.auth]
        lines += [["--option", text] for text in self.options]
        return " \\\n    ".join(map(shlex.join, lines))
