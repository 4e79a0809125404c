"""The Azure SDK: the only file that imports it, when it is first needed, in a thread."""

from __future__ import annotations

import asyncio
import json
import logging
import pathlib
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from novacron_providers.azure.auth import Auth
from novacron_providers.azure.endpoints import IMDS, PUBLIC, Endpoints
from novacron_providers.azure.errors import classify, retry_after
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, PageTokenInvalid, ProviderError
from novacron_providers.kit.call import Callers
from novacron_providers.kit.http import open_session

if TYPE_CHECKING:
    import aiohttp
    from azure.core import AsyncPipelineClient
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.core import AsyncARMPipelineClient
    from azure.monitor.query.aio import LogsQueryClient

CONNECT_TIMEOUT = 3.0
CONNECTIONS = 32
# The version that each API is called with: a newer SDK changes nothing that goes over the wire.
COMPUTE, NETWORK, GROUPS, SUBSCRIPTIONS = "2024-07-01", "2024-03-01", "2024-07-01", "2022-12-01"
METRICS = "2024-02-01"
_VERSIONS = {"virtual_machines": COMPUTE, "virtual_machine_images": COMPUTE, "images": COMPUTE}
_FAMILIES = {"GET": "read", "DELETE": "delete"}

_attempt_timeout: ContextVar[float] = ContextVar("attempt_timeout", default=CONNECT_TIMEOUT)


class Answer(NamedTuple):
    """What Azure answered.

    Attributes:
        status: HTTP status.
        body: JSON; empty when there is none.
        poll: Where to ask how a long-running operation goes; empty when the answer is final.
        retry_after: Seconds to wait before asking again; None when Azure does not say.
    """

    status: int
    body: Any
    poll: str = ""
    retry_after: float | None = None


class _Opened(NamedTuple):
    """What is made on first use."""

    session: aiohttp.ClientSession
    transport: Any
    credential: AsyncTokenCredential
    arm: AsyncARMPipelineClient[Any, Any]
    compute: ComputeManagementClient


class Client:
    """Calls Azure with one identity: one credential and one transport, whichever client of the SDK it is.

    Args:
        callers: Through which every call goes.
        auth: What to sign in with.
        subscription: Id of the subscription.
        endpoints: Where Azure is, where it is not the public cloud.
    """

    def __init__(self, callers: Callers, auth: Auth, *, subscription: str, endpoints: Endpoints) -> None:
        self.subscription = subscription
        self._callers, self._auth = callers, auth
        given = endpoints._asdict()
        self._at = Endpoints(**{key: (given[key] or value).rstrip("/") for key, value in PUBLIC._asdict().items()})
        self._lock = asyncio.Lock()
        self._opened: _Opened | None = None
        self._metrics: AsyncPipelineClient[Any, Any] | None = None
        self._logs: LogsQueryClient | None = None
        self._custom: AsyncPipelineClient[Any, Any] | None = None

    async def compute(
        self,
        action: str,
        call: Call,
        *arguments: Any,
        mutates: bool = False,
        once: bool = False,
        page: str = "",
        **parameters: Any,
    ) -> Answer:
        """Call a method of the compute SDK ("virtual_machines.get"); return the answer as it came over the wire.

        A list gives one page, the one at the link `page`. A long-running operation is only begun: see Answer.poll. A
        change (`mutates`) has no further effect when it is repeated, or says `once`: then it is not repeated after a
        lost answer. Raises CloudError.
        """
        opened = await self._open()
        group, _, name = action.partition(".")
        method = getattr(getattr(opened.compute, group), name)
        if group in _VERSIONS:
            parameters["api_version"] = _VERSIONS[group]
        if name.startswith("begin_"):
            parameters["polling"] = False
        if page and not self._ours(page):
            raise PageTokenInvalid("page_token leads out of the subscription; start the list again", field="page_token")

        async def send() -> Any:
            answers: list[Any] = []
            result = method(*arguments, raw_response_hook=answers.append, **parameters)
            if hasattr(result, "by_page"):
                await anext(result.by_page(page or None))
            else:
                await result
            return answers[-1].http_response

        family = "delete" if name == "begin_delete" else "write" if mutates else "read"
        return await self._call(f"compute.{action}", send, call, mutates=mutates, once=once, family=family)

    async def arm(
        self,
        method: str,
        path: str,
        version: str,
        call: Call,
        body: Mapping[str, Any] | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call Resource Manager itself; `path` begins with "/subscriptions".

        Whatever is no GET is repeated when it may have been lost, so it must have the same effect twice. Raises
        CloudError.
        """
        parameters = {"api-version": version, **(parameters or {})}
        return await self._request(method, f"{self._at.arm}{path}", call, params=parameters, json=body)

    async def follow(self, url: str, call: Call) -> Answer:
        """GET a link that Azure gave: the next page, or how a long-running operation goes. Raises CloudError."""
        if not self._ours(url):
            raise ProviderError("a link of Azure's leads out of the subscription; it is not followed")
        return await self._request("GET", url, call)

    async def machines(self, call: Call, link: str, parameters: Mapping[str, str]) -> Any:
        """One page of the list of machines, the one at `link`, as JSON: the SDK would take most of the time for it.

        Raises CloudError.
        """
        if not link:
            path = f"/subscriptions/{self.subscription}/providers/Microsoft.Compute/virtualMachines"
            return (await self.arm("GET", path, COMPUTE, call, parameters=parameters)).body
        if not self._ours(link):
            raise PageTokenInvalid("page_token leads out of the subscription; start the list again", field="page_token")
        return (await self.follow(link, call)).body

    async def pages(self, path: str, version: str, call: Call, **parameters: str) -> list[Any]:
        """All items of a list of Resource Manager; raises CloudError."""
        answer = await self.arm("GET", path, version, call, parameters=parameters)
        found = list(answer.body["value"])
        while link := answer.body.get("nextLink"):
            answer = await self.follow(link, call)
            found += answer.body["value"]
        return found

    async def metrics(
        self, region: str, resources: Sequence[str], parameters: Mapping[str, str], call: Call
    ) -> list[Any]:
        """Call metrics:getBatch in a region; return its "values". Raises CloudError.

        The SDK has a client for it, which takes four times the CPU: it makes objects of all that is in an answer.
        """
        opened = await self._open()
        client = self._metrics
        if client is None:
            client = self._metrics = await asyncio.to_thread(self._pipeline, opened, self._at.metrics)
        from azure.core.rest import HttpRequest

        url = f"{self._at.metrics.replace('{region}', region)}/subscriptions/{self.subscription}/metrics:getBatch"
        parameters = {"api-version": METRICS, **parameters}

        async def send() -> Any:
            request = HttpRequest("POST", url, params=parameters, json={"resourceids": [*resources]})
            response = await client.send_request(request)
            response.raise_for_status()
            return response

        answer = await self._call("metrics.getBatch", send, call, region=region)
        values: list[Any] = answer.body["values"]
        return values

    async def write_metrics(
        self, region: str, resource: str, documents: Sequence[Mapping[str, Any]], call: Call
    ) -> None:
        """Write documents of custom metrics about a resource in a region; raises CloudError."""
        opened = await self._open()
        client = self._custom
        if client is None:
            # The slash before that of the scope belongs to the audience.
            client = self._custom = await asyncio.to_thread(self._pipeline, opened, self._at.custom, "/")
        from azure.core.rest import HttpRequest

        url = f"{self._at.custom.replace('{region}', region)}{resource}/metrics"
        lines = "\n".join(map(json.dumps, documents))

        async def send() -> Any:
            request = HttpRequest("POST", url, content=lines, headers={"Content-Type": "application/x-ndjson"})
            response = await client.send_request(request)
            response.raise_for_status()
            return response

        await self._call("metrics.write", send, call, region=region, mutates=True)

    async def logs(self, workspace: str, query: str, call: Call) -> list[list[Any]]:
        """Ask Log Analytics; return the rows of the first table."""
        opened = await self._open()
        client = self._logs
        if client is None:
            client = self._logs = await asyncio.to_thread(self._logs_client, opened)

        async def send() -> Any:
            answers: list[Any] = []
            # The query says itself which times it is about.
            await client.query_workspace(workspace, query, timespan=None, raw_response_hook=answers.append)
            return answers[-1].http_response

        answer = await self._call("logs.query", send, call)
        rows: list[list[Any]] = answer.body["tables"][0]["rows"]
        return rows

    async def close(self) -> None:
        """Wait for changes under way, then close the connections."""
        await self._callers.close()
        async with self._lock:
            if self._opened is not None:
                await self._opened.session.close()

    async def _request(self, method: str, url: str, call: Call, **content: Any) -> Answer:
        opened = await self._open()
        from azure.core.rest import HttpRequest

        async def send() -> Any:
            response = await opened.arm.send_request(HttpRequest(method, url, **content))
            response.raise_for_status()
            return response

        action = f"arm.{method} {_type_of(urlsplit(url).path)}"
        family = _FAMILIES.get(method, "write")
        return await self._call(action, send, call, mutates=method != "GET", family=family)

    async def _call(
        self,
        action: str,
        send: Callable[[], Awaitable[Any]],
        call: Call,
        *,
        region: str = "",
        mutates: bool = False,
        once: bool = False,
        family: str = "",
    ) -> Answer:
        caller = self._callers.of(region)

        async def attempt(timeout: float) -> Answer:
            _attempt_timeout.set(timeout)
            try:
                response = await send()
                answer = _answer(response)
            except CloudError:
                raise
            except _sdk_errors() as error:
                raise classify(error, action) from error
            for header, value in response.headers.items():
                if header.lower().startswith("x-ms-ratelimit-remaining-"):
                    caller.left(family, _remaining(value))
            return answer

        return await caller.call(action, attempt, call, mutates=mutates, once=once, family=family)

    def _ours(self, url: str) -> bool:
        """Whether a link may be followed with our token: at the same host, in the same subscription."""
        ours, theirs = urlsplit(self._at.arm), urlsplit(url)
        same_host = (theirs.scheme, theirs.netloc.lower()) == (ours.scheme, ours.netloc.lower())
        return same_host and theirs.path.lower().startswith(f"/subscriptions/{self.subscription.lower()}/")

    async def _open(self) -> _Opened:
        if self._opened is None:
            async with self._lock:
                if self._opened is None:
                    trust = await asyncio.to_thread(self._prepare)
                    session = open_session(trust, connections=CONNECTIONS)
                    self._opened = await asyncio.to_thread(self._create, session)
        return self._opened

    def _prepare(self) -> ssl.SSLContext:
        """Import what takes seconds, and read the certificates to trust."""
        import aiohttp  # noqa: F401  # imported for later
        import azure.identity.aio
        import azure.mgmt.compute.aio
        import azure.mgmt.core  # noqa: F401  # imported for later

        # What it logs is raised as well; and it would write whole answers, from the event loop.
        logging.getLogger("azure").setLevel(logging.CRITICAL)
        return ssl.create_default_context(cafile=self._at.ca_file or None)

    def _create(self, session: aiohttp.ClientSession) -> _Opened:
        from azure.core.pipeline import policies
        from azure.mgmt.compute.aio import ComputeManagementClient
        from azure.mgmt.core import AsyncARMPipelineClient
        from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

        transport = self._transport(session)
        credential = self._credential(transport)

        def chain(*decoding: Any) -> list[Any]:
            # No retries, they are the caller's; no redirects, they would carry the token away.
            return [
                policies.RequestIdPolicy(),
                policies.UserAgentPolicy("novacron-cloud"),
                *decoding,
                AsyncARMChallengeAuthenticationPolicy(credential, f"{self._at.arm}/.default"),
                policies.CustomHookPolicy(),
            ]

        return _Opened(
            session=session,
            transport=transport,
            credential=credential,
            # Of these answers the JSON is read once, by us.
            arm=AsyncARMPipelineClient(base_url=self._at.arm, policies=chain(), transport=transport),
            compute=ComputeManagementClient(
                credential,
                self.subscription,
                base_url=self._at.arm,
                credential_scopes=[f"{self._at.arm}/.default"],
                policies=chain(policies.ContentDecodePolicy()),
                transport=transport,
            ),
        )

    def _transport(self, session: aiohttp.ClientSession) -> Any:
        """The SDK's transport, which gives each request the time that its attempt has."""
        from azure.core.pipeline.transport import AioHttpTransport

        imds = self._at.imds

        class Transport(AioHttpTransport):  # type: ignore[misc]  # the SDK loads it by name, without types
            async def send(self, request: Any, **config: Any) -> Any:
                timeout = _attempt_timeout.get()
                config.update(connection_timeout=min(CONNECT_TIMEOUT, timeout), read_timeout=timeout)
                if request.url.startswith(f"{IMDS}/"):
                    request.url = imds + request.url.removeprefix(IMDS)
                return await super().send(request, **config)

        return Transport(session=session, session_owner=False)

    def _credential(self, transport: Any) -> AsyncTokenCredential:
        from azure.identity import aio

        auth = self._auth
        common: dict[str, Any] = {"transport": transport, "retry_total": 0, "retry_status": 0}
        if not auth.proof:
            return aio.ManagedIdentityCredential(client_id=auth.client_id.reveal() or None, **common)
        common |= {"authority": self._at.authority, "disable_instance_discovery": True}
        application = (auth.tenant_id.reveal(), auth.client_id.reveal())
        match auth.proof:
            case "client_secret":
                return aio.ClientSecretCredential(*application, auth.client_secret.reveal(), **common)
            case "certificate":
                pem = auth.certificate.reveal().encode()
                return aio.CertificateCredential(*application, certificate_data=pem, **common)
            case _:
                federated = _Federated(auth.federated_token_file.reveal())
                federated.credential = aio.ClientAssertionCredential(*application, lambda: federated.token, **common)
                return federated

    def _pipeline(self, opened: _Opened, endpoint: str, slash: str = "") -> AsyncPipelineClient[Any, Any]:
        """What sends requests to an endpoint of every region, of whose answers we read the JSON."""
        from azure.core import AsyncPipelineClient
        from azure.core.pipeline import policies

        audience = endpoint.replace("{region}.", "") + slash
        authentication = policies.AsyncBearerTokenCredentialPolicy(opened.credential, f"{audience}/.default")
        return AsyncPipelineClient(endpoint, policies=_plain_chain(authentication), transport=opened.transport)

    def _logs_client(self, opened: _Opened) -> LogsQueryClient:
        from azure.core.pipeline import policies
        from azure.monitor.query.aio import LogsQueryClient

        authentication = policies.AsyncBearerTokenCredentialPolicy(opened.credential, f"{self._at.logs}/.default")
        return LogsQueryClient(
            opened.credential,
            endpoint=self._at.logs,
            transport=opened.transport,
            policies=_plain_chain(policies.ContentDecodePolicy(), authentication),
        )


class _Federated:
    """Signs in with the token of a file, which somebody else renews; it is read off the event loop."""

    credential: AsyncTokenCredential

    def __init__(self, path: str) -> None:
        self.token = ""
        self._path = pathlib.Path(path)

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        try:
            self.token = (await asyncio.to_thread(self._path.read_text)).strip()
        except OSError as error:
            from azure.identity import CredentialUnavailableError

            raise CredentialUnavailableError(f"federated_token_file: {error.strerror}") from error
        return await self.credential.get_token(*scopes, **options)

    async def close(self) -> None:
        await self.credential.close()

    async def __aenter__(self) -> _Federated:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()


def _plain_chain(*more: Any) -> list[Any]:
    from azure.core.pipeline import policies

    return [
        policies.RequestIdPolicy(),
        policies.UserAgentPolicy("novacron-cloud"),
        *more,
        policies.CustomHookPolicy(),
    ]


def _answer(response: Any) -> Answer:
    headers = response.headers
    # Read as bytes: as text it would be decoded twice, a large page at the cost of reading its JSON again.
    body = json.loads(response.content) if response.content.strip() else {}
    poll = headers.get("Azure-AsyncOperation") or (headers.get("Location") if response.status_code == 202 else "")
    return Answer(response.status_code, body, poll or "", retry_after(headers))


def _remaining(header: str) -> float:
    """Least that is left: "249", or "Microsoft.Compute/HighCostGet3Min;133,Microsoft.Compute/HighCostGet30Min;657"."""
    counts = [part.rpartition(";")[2].strip() for part in header.split(",")]
    return min((float(count) for count in counts if count.isdigit()), default=float("inf"))


def _type_of(path: str) -> str:
    """ "networkInterfaces" of a path: its last part that is a type and no name; names would be too many."""
    parts = path.strip("/").split("/")
    return parts[len(parts) - 1 - (len(parts) % 2 == 0)]


def _sdk_errors() -> tuple[type[Exception], ...]:
    import aiohttp
    from azure.core.exceptions import AzureError

    return AzureError, aiohttp.ClientError, json.JSONDecodeError, UnicodeDecodeError
