"""Google's SDKs: the only file that imports them, when they are first needed, in a thread.

Reads of many go over aiohttp as plain JSON, eight times cheaper than the SDK; changes and single reads go through
compute_v1, whose import takes seconds of CPU: it begins, in a thread, as soon as the credentials are proven. Google's
own polling objects are never used: they call the public address whatever the endpoint is.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CredentialsInvalid, InvalidArgument
from novacron_providers.gcp.auth import Auth
from novacron_providers.gcp.errors import answered, classify, signing_in
from novacron_providers.kit.call import Callers
from novacron_providers.kit.http import open_session
from novacron_providers.kit.threads import Threads

if TYPE_CHECKING:
    import aiohttp
    import grpc.aio
    from google.cloud.monitoring_v3 import MetricServiceAsyncClient

THREADS, CONNECTIONS = 32, 32
CONNECT_TIMEOUT = 3.0
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_COMPUTE, _MONITORING, _IAM = (
    "https://compute.googleapis.com",
    "monitoring.googleapis.com:443",
    "https://iamcredentials.googleapis.com",
)
# Where google-auth looks for the metadata server.
_METADATA_HOSTS = ("http://metadata.google.internal", "http://169.254.169.254")
# Most that a page of metrics may take: 100,000 points.
_MESSAGE_SIZE = 256 << 20
# What a token service says, whatever the status, of something that will pass.
_LATER = ("internal_failure", "server_error", "temporarily_unavailable")
# Parts of compute_v1 that are called, by our word for them.
_SERVICES = ("images", "instances", "zone_operations")


class Endpoints(NamedTuple):
    """Where the parts of Google Cloud are; empty ones are Google's own.

    Attributes:
        compute: Compute Engine.
        monitoring: host:port of Cloud Monitoring, spoken to without TLS.
        metadata: host:port of the machine's metadata server.
        iam: IAM Credentials, which gives out tokens of an impersonated account.
    """

    compute: str = ""
    monitoring: str = ""
    metadata: str = ""
    iam: str = ""


class _Opened(NamedTuple):
    """What is made on first use."""

    session: aiohttp.ClientSession
    credentials: Any
    transport: Callable[..., Any]


class Client:
    """Calls Google Cloud with one identity, whose token all ways of calling share.

    Args:
        callers: Through which every call goes.
        auth: What to sign in with.
        project: Id of the project; empty for that of the credentials, known after the first call.
        endpoints: Where Google Cloud is, where it is not the public one.
    """

    def __init__(self, callers: Callers, auth: Auth, *, project: str, endpoints: Endpoints) -> None:
        self.project = project or str(auth.document.get("project_id") or "")
        self._callers, self._auth = callers, auth
        self._compute = (endpoints.compute or _COMPUTE).rstrip("/")
        self._monitoring, self._metadata = endpoints.monitoring, endpoints.metadata
        self._iam = (endpoints.iam or _IAM).rstrip("/")
        self._threads = Threads(THREADS, f"gcp-{callers.provider}")
        self._opening = asyncio.Lock()
        self._imports = threading.Lock()
        self._opened: _Opened | None = None
        self._refresh: asyncio.Future[None] | None = None
        self._rejected = ""
        self._services: dict[str, Any] = {}
        self._preparing: asyncio.Future[None] | None = None
        self._metrics: tuple[grpc.aio.Channel, MetricServiceAsyncClient] | None = None

    @property
    def principal(self) -> str:
        """Who the credentials are; empty when they do not say, or before the first call."""
        credentials = self._opened.credentials if self._opened else None
        return str(getattr(credentials, "service_account_email", None) or "")

    def prepare(self) -> None:
        """Begin to import what changes need; it takes seconds, and goes on in a thread."""
        if self._preparing is None:
            self._preparing = asyncio.ensure_future(self._threads.run(self._make_services))
            self._preparing.add_done_callback(_looked_at)

    async def read(
        self,
        action: str,
        path: str,
        call: Call,
        parameters: Mapping[str, str | int] | None = None,
        *,
        region: str = "",
        rate: str = "read",
    ) -> Any:
        """GET a path below the project ("aggregated/instances"; empty for the project itself); return the JSON.

        Raises CloudError.
        """
        opened = await self._open(call)
        url = f"{self._compute}/compute/v1/projects/{quote(self.project, safe=':')}{'/' if path else ''}{path}"

        async def send(timeout: float) -> Any:
            import aiohttp

            # The attempt as a whole is cut off by the caller, which knows whether the deadline came or the limit.
            limit = aiohttp.ClientTimeout(sock_connect=min(CONNECT_TIMEOUT, timeout))
            token = await self._token()
            try:
                async with opened.session.get(
                    url,
                    params=parameters,
                    headers={"Authorization": f"Bearer {token}", "User-Agent": "novacron-cloud"},
                    timeout=limit,
                    # One would carry the token away.
                    allow_redirects=False,
                ) as response:
                    status, headers, content = response.status, response.headers, await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise classify(error, action) from error
            body = await self._threads.run(lambda: _json(content))
            if status == 200 and body is not None:
                return body
            if status == 401:
                self._rejected = token
            raise answered(status if status != 200 else 502, headers, body, action)

        async def attempt(timeout: float) -> Any:
            return await self._with_new_token(lambda: send(timeout))

        return await self._callers.of(region).call(action, attempt, call, family=rate)

    async def compute(
        self, action: str, call: Call, *, region: str = "", mutates: bool = False, rate: str = "", **request: Any
    ) -> Any:
        """Call a method of compute_v1 ("instances.get"); return the answer as Google's JSON.

        A long-running operation is only begun: the answer is the operation. A change (`mutates`) carries a request_id.
        Raises CloudError.
        """
        await self._open(call)
        # Before the first attempt: the import is slow, and must not use up the attempt's time.
        self.prepare()
        assert self._preparing is not None, "prepare() begins it"
        await asyncio.shield(self._preparing)
        service, _, verb = action.partition(".")
        method = getattr(self._services[service], f"{verb}_unary" if mutates else verb)
        request.setdefault("project", self.project)

        def send(timeout: float) -> Any:
            from google.protobuf.json_format import MessageToDict

            try:
                answer = method(request=request, retry=None, timeout=timeout)
            except _sdk_errors() as error:
                raise classify(error, action) from error
            return MessageToDict(type(answer).pb(answer))

        async def attempt(timeout: float) -> Any:
            await self._token()
            return await self._threads.run(lambda: send(timeout))

        rate = rate or ("write" if mutates else "read")
        return await self._callers.of(region).call(action, attempt, call, mutates=mutates, family=rate)

    async def machine(self, body: Mapping[str, Any], field: str) -> Any:
        """A machine, given as Google's JSON, as compute_v1 wants it; raises InvalidArgument, naming `field`."""

        def make() -> Any:
            from google.cloud import compute_v1
            from google.protobuf.json_format import ParseError

            try:
                return compute_v1.Instance.from_json(json.dumps(body))
            except ParseError as error:
                raise InvalidArgument(f"Compute Engine has no such machine: {str(error)[:300]}", field=field) from error

        self.prepare()
        assert self._preparing is not None, "prepare() begins it"
        await asyncio.shield(self._preparing)
        return await self._threads.run(make)

    async def write_series(self, series: Sequence[Mapping[str, Any]], call: Call) -> None:
        """CreateTimeSeries; raises CloudError, whose cause holds Google's whole text."""
        await self._monitoring_call(
            "timeSeries.create", lambda client: client.create_time_series, {"time_series": series}, call, mutates=True
        )

    async def series(self, request: Mapping[str, Any], call: Call, *, region: str) -> Any:
        """One page of ListTimeSeries, as the raw protobuf message; raises CloudError."""
        pager = await self._monitoring_call(
            "timeSeries.list", lambda client: client.list_time_series, request, call, region=region
        )
        # Only the first: what asks for the others has no limit and no retry of ours.
        page = await anext(aiter(pager.pages))
        # The SDK's own objects cost twenty times as much to read.
        return type(page).pb(page)

    async def _monitoring_call(
        self,
        action: str,
        method: Callable[[MetricServiceAsyncClient], Callable[..., Awaitable[Any]]],
        request: Mapping[str, Any],
        call: Call,
        *,
        region: str = "",
        mutates: bool = False,
    ) -> Any:
        """Call a method of Monitoring's SDK about the project; raises CloudError."""
        await self._open(call)
        _, client = await self._monitor()

        async def send(timeout: float) -> Any:
            token = await self._token()
            try:
                return await method(client)(
                    request={"name": f"projects/{self.project}", **request},
                    retry=None,
                    timeout=timeout,
                    metadata=[("authorization", f"Bearer {token}")],
                )
            except _sdk_errors() as error:
                refused = classify(error, action)
                if isinstance(refused, CredentialsInvalid):
                    self._rejected = token
                raise refused from error

        async def attempt(timeout: float) -> Any:
            return await self._with_new_token(lambda: send(timeout))

        family = "metrics.write" if mutates else "metrics"
        return await self._callers.of(region).call(action, attempt, call, mutates=mutates, family=family)

    async def close(self) -> None:
        """Wait for changes under way, then close the connections."""
        await self._callers.close()
        async with self._opening:
            if self._metrics is not None:
                await self._metrics[0].close()
            if self._opened is not None:
                await self._opened.session.close()
        for service in self._services.values():
            service.transport.close()
        self._threads.close()

    async def _with_new_token(self, send: Callable[[], Awaitable[Any]]) -> Any:
        """Send, and once more with a new token when Google refused the one we had: it may be over before its time."""
        try:
            return await send()
        except CredentialsInvalid:
            if not self._rejected:
                raise
            return await send()

    async def _token(self) -> str:
        """A token that is good now; one refresh at a time, in a thread, whoever waits for it."""
        opened = self._shared()
        credentials = opened.credentials
        if not self._is_fresh(credentials):
            if self._refresh is None or self._refresh.done():
                self._refresh = asyncio.ensure_future(self._threads.run(lambda: self._sign_in(opened)))
                self._refresh.add_done_callback(_looked_at)
            await asyncio.shield(self._refresh)
        return str(credentials.token)

    def _is_fresh(self, credentials: Any) -> bool:
        return bool(credentials.token_state.name == "FRESH" and credentials.token != self._rejected)

    def _sign_in(self, opened: _Opened) -> None:
        from google.auth.exceptions import GoogleAuthError

        try:
            opened.credentials.refresh(opened.transport)
        except (GoogleAuthError, OSError) as error:
            raise classify(error, "token") from error
        self._rejected = ""

    async def _open(self, call: Call) -> _Opened:
        if self._opened is None:
            async with self._opening:
                if self._opened is None:
                    trust = await self._threads.run(_prepare)

                    async def find(timeout: float) -> tuple[Any, Callable[..., Any], str]:
                        return await self._threads.run(self._credentials)

                    # It may ask the metadata server, which is a call like any other.
                    credentials, transport, project = await self._callers.of("").call("credentials", find, call)
                    self.project = self.project or project
                    if not self.project:
                        raise CredentialsInvalid(
                            "the credentials lead to no project; give config.project with UpdateProvider"
                        )
                    session = open_session(trust, connections=CONNECTIONS)
                    self._opened = _Opened(session, credentials, transport)
        return self._opened

    def _credentials(self) -> tuple[Any, Callable[..., Any], str]:
        """Credentials, how they call, and the project that they name, if they do."""
        from google.auth import impersonated_credentials
        from google.auth.exceptions import GoogleAuthError

        transport = self._transport()
        try:
            found, project = self._source(transport)
            target = self._auth.impersonate.reveal()
            if target:
                kind: Any = impersonated_credentials.Credentials
                address = f"{self._iam}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
                found = kind(found, target, list(_SCOPES), iam_endpoint_override=address)
        except GoogleAuthError as error:
            raise classify(error, "token") from error
        except ValueError as error:
            raise CredentialsInvalid(
                "the credentials cannot be read: a key or address in them is malformed; renew them with UpdateProvider"
            ) from error
        return found, transport, project

    def _source(self, transport: Callable[..., Any]) -> tuple[Any, str]:
        """The credentials that sign in first, and their project."""
        import google.auth
        from google.auth import compute_engine, identity_pool
        from google.auth.compute_engine import _metadata
        from google.oauth2 import service_account

        made: Any
        if self._auth.service_account_json:
            made = service_account.Credentials
            return made.from_service_account_info(dict(self._auth.document), scopes=_SCOPES), self.project
        if self._auth.external_account_json:
            made = identity_pool.Credentials
            return made.from_info(dict(self._auth.document), scopes=_SCOPES), self.project
        if self._metadata:
            made = compute_engine.Credentials
            ask: Any = _metadata.get_project_id
            return made(scopes=_SCOPES), self.project or ask(transport)
        default: Any = google.auth.default
        found, project = default(scopes=_SCOPES, request=transport)
        return found, project or ""

    def _transport(self) -> Callable[..., Any]:
        """How google-auth calls: within the time of an attempt, and the metadata server where it is here.

        What google-auth would ask again by itself raises CloudError instead, on which it gives up: a repetition is the
        caller's.
        """
        from google.auth.exceptions import TransportError
        from google.auth.transport.requests import Request

        request: Any = Request()
        limit, metadata = self._callers.timeout, self._metadata

        def send(url: str, *arguments: Any, timeout: float = limit, **options: Any) -> Any:
            # Only the search for a metadata server asks for no path; that there is none is an answer.
            search = urlsplit(url).path in ("", "/")
            for host in _METADATA_HOSTS:
                if metadata and (url == host or url.startswith(f"{host}/")):
                    url = f"http://{metadata}{url.removeprefix(host)}"
            try:
                response = request(url, *arguments, timeout=min(timeout, limit), **options)
            except TransportError as error:
                if search:
                    return SimpleNamespace(status=0, headers={}, data=b"")
                raise classify(error, "token") from error
            body = _json(response.data)
            word = body.get("error") if isinstance(body, dict) else None
            if not search and (response.status in (408, 429) or response.status >= 500 or word in _LATER):
                raise signing_in(response.status, response.headers)
            return response

        return send

    def _make_services(self) -> None:
        """Import compute_v1 and make its clients; one at a time."""
        with self._imports:
            if self._services:
                return
            from google.api_core.client_options import ClientOptions
            from google.auth.credentials import Credentials
            from google.cloud import compute_v1

            client = self

            class Shared(Credentials):
                """The credentials of the client: their token is fresh before each call, and is not scoped anew."""

                def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
                    client._shared().credentials.apply(headers)

                def refresh(self, request: Any) -> None:
                    # Not with the SDK's way of asking, which repeats what fails.
                    client._sign_in(client._shared())

            options: Any = ClientOptions(api_endpoint=self._compute)
            shared: Any = Shared
            kinds: tuple[Any, ...] = (
                compute_v1.ImagesClient,
                compute_v1.InstancesClient,
                compute_v1.ZoneOperationsClient,
            )
            self._services = {
                name: kind(credentials=shared(), client_options=options)
                for name, kind in zip(_SERVICES, kinds, strict=True)
            }

    def _shared(self) -> _Opened:
        assert self._opened is not None, "a call opens first"
        return self._opened

    async def _monitor(self) -> tuple[grpc.aio.Channel, MetricServiceAsyncClient]:
        if self._metrics is None:
            await self._threads.run(self._import_monitoring)
            import grpc.aio

            async with self._opening:
                if self._metrics is None:
                    options = [("grpc.max_receive_message_length", _MESSAGE_SIZE)]
                    if self._monitoring:
                        channel = grpc.aio.insecure_channel(self._monitoring, options)
                    else:
                        channel = grpc.aio.secure_channel(_MONITORING, grpc.ssl_channel_credentials(), options)
                    self._metrics = channel, await self._threads.run(lambda: _monitoring_client(channel))
        return self._metrics

    def _import_monitoring(self) -> None:
        with self._imports:
            import google.cloud.monitoring_v3  # noqa: F401  # imported for later


def _prepare() -> Any:
    """Import what takes long, and read the certificates to trust."""
    import ssl

    import aiohttp  # noqa: F401  # imported for later
    import google.auth.transport.requests  # noqa: F401  # imported for later

    return ssl.create_default_context()


def _monitoring_client(channel: grpc.aio.Channel) -> MetricServiceAsyncClient:
    from google.cloud.monitoring_v3 import MetricServiceAsyncClient

    transport: Any = MetricServiceAsyncClient.get_transport_class("grpc_asyncio")
    return MetricServiceAsyncClient(transport=transport(channel=channel))


def _sdk_errors() -> tuple[type[Exception], ...]:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError
    from google.protobuf.json_format import ParseError
    from requests.exceptions import RequestException

    return GoogleAPICallError, GoogleAuthError, ParseError, RequestException


def _json(content: bytes) -> Any | None:
    """JSON of an answer; None when it is something else."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def _looked_at(done: asyncio.Future[None]) -> None:
    """Those who wait get the error of a shared future; asyncio would complain when nobody waits any longer."""
    if not done.cancelled():
        done.exception()
