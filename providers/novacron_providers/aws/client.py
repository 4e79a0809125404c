"""The AWS SDK: the only file that imports it, when it is first needed, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from novacron_providers.aws.auth import Auth
from novacron_providers.aws.errors import classify
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.kit.call import Callers
from novacron_providers.kit.threads import Threads

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.credentials import RefreshableCredentials
    from botocore.session import Session

T = TypeVar("T")

THREADS = 32
CONNECT_TIMEOUT = 3.0

# Reads a good answer in place of the SDK; None for what it cannot read.
Reader = Callable[[bytes], dict[str, Any] | None]

_read_timeout: ContextVar[float] = ContextVar("read_timeout")
_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


class Client:
    """Calls AWS with one set of credentials.

    Args:
        callers: Through which every call goes.
        auth: What to sign in with.
        home: Region of calls that belong to none.
        endpoint: URL of all services in place of AWS's own; empty for those.
    """

    def __init__(self, callers: Callers, auth: Auth, *, home: str, endpoint: str = "") -> None:
        self.home = home
        self._callers, self._auth, self._endpoint = callers, auth, endpoint or None
        self._threads = Threads(THREADS, f"aws-{callers.provider}")
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._clients: dict[tuple[str, str], BaseClient] = {}

    async def call(
        self,
        action: str,
        region: str,
        call: Call,
        parameters: Mapping[str, Any] | None = None,
        *,
        mutates: bool = False,
        once: bool = False,
        reader: Reader | None = None,
    ) -> Any:
        """Call `action` ("ec2.DescribeInstances") in a region; return the SDK's answer, or what `reader` makes of it.

        A change (`mutates`) carries a ClientToken, or has no further effect when it is repeated, or says `once`: then
        it is not repeated after a lost answer. Raises CloudError.
        """
        # Made before the first attempt: it is slow, and must not use up the attempt's time.
        client = await self._client(action, region, call)
        method = getattr(client, _method_name(action))

        def send() -> Any:
            try:
                return method(**(parameters or {}))
            except _sdk_errors() as error:
                raise classify(error, action) from error

        async def attempt(timeout: float) -> Any:
            _read_timeout.set(timeout)
            _reader.set(reader)
            return await self._threads.run(send)

        return await self._callers.of(region).call(action, attempt, call, mutates=mutates, once=once, family=action)

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Do what takes long, such as translating a page of 1000, where it does not hold up other calls."""
        return await self._threads.run(work)

    async def check(self, action: str, region: str, parameters: Mapping[str, Any], call: Call, *, field: str) -> None:
        """Hold parameters against AWS's own model of the action; sends nothing.

        Raises InvalidArgument, naming `field`.
        """
        client = await self._client(action, region, call)

        def report() -> str:
            from botocore.validate import ParamValidator

            shape = client.meta.service_model.operation_model(action.partition(".")[2]).input_shape
            assert shape is not None, f"{action} takes no parameters"
            found = ParamValidator().validate(parameters, shape)
            return found.generate_report() if found.has_errors() else ""

        if text := await self._threads.run(report):
            raise InvalidArgument(f"{action}: {' '.join(text.split())[:400]}", field=field)

    async def region_titles(self) -> dict[str, str]:
        """Names of regions for people, as the SDK knows them: {"eu-central-1": "Europe (Frankfurt)"}."""

        def load() -> dict[str, str]:
            with self._lock:
                data = self._signed_in().get_component("data_loader").load_data("endpoints")
            regions = [region for partition in data["partitions"] for region in partition["regions"].items()]
            return {name: about["description"] for name, about in regions}

        return await self._threads.run(load)

    async def close(self) -> None:
        """Wait for changes under way, then close the connections."""
        await self._callers.close()
        for client in self._clients.values():
            client.close()
        self._threads.close()

    async def _client(self, action: str, region: str, call: Call) -> BaseClient:
        service = action.partition(".")[0]
        if found := self._clients.get((service, region)):
            return found
        if not self._clients and not self._auth.access_key_id:
            await self._look_for_credentials(call)
        return await self._threads.run(lambda: self._create(service, region))

    async def _look_for_credentials(self, call: Call) -> None:
        """Have the SDK find credentials; it may ask a metadata service, which is a call like any other."""

        def search() -> None:
            try:
                with self._lock:
                    self._signed_in().get_credentials()
            except _sdk_errors() as error:
                raise classify(error, "credentials") from error

        async def attempt(timeout: float) -> None:
            await self._threads.run(search)

        await self._callers.of("").call("credentials", attempt, call)

    def _create(self, service: str, region: str) -> BaseClient:
        """Create a client; one at a time, because the SDK cannot do it otherwise."""
        with self._lock:
            if (service, region) not in self._clients:
                client: BaseClient = self._signed_in().create_client(
                    service, region, endpoint_url=self._endpoint, config=self._config()
                )
                client.meta.events.register("before-call", _limit)
                self._clients[service, region] = client
            return self._clients[service, region]

    def _config(self) -> Config:
        from botocore.config import Config

        return Config(
            # Every retry is the caller's.
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=THREADS,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=self._callers.timeout,
            user_agent_extra="novacron-cloud",
        )

    def _signed_in(self) -> Session:
        if self._session is None:
            auth, session = self._auth, _session(self._config())
            if auth.access_key_id:
                session.set_credentials(
                    auth.access_key_id.reveal(), auth.secret_access_key.reveal(), auth.session_token.reveal() or None
                )
            if auth.role_arn:
                source, session = session, _session(self._config())
                session.register_component("credential_provider", _Found(self._assume_role(source)))
            self._session = session
        return self._session

    def _assume_role(self, source: Session) -> RefreshableCredentials:
        """Credentials that assume the role when first used, and again 15 minutes before they end."""
        from botocore.credentials import DeferredRefreshableCredentials

        sts: Any = source.create_client("sts", self.home, endpoint_url=self._endpoint, config=self._config())
        request = {"RoleArn": self._auth.role_arn.reveal(), "RoleSessionName": f"novacron-{self._callers.provider}"}
        if self._auth.external_id:
            request["ExternalId"] = self._auth.external_id.reveal()

        def refresh() -> dict[str, str]:
            found = sts.assume_role(**request)["Credentials"]
            return {
                "access_key": found["AccessKeyId"],
                "secret_key": found["SecretAccessKey"],
                "token": found["SessionToken"],
                "expiry_time": found["Expiration"].isoformat(),
            }

        return DeferredRefreshableCredentials(refresh_using=refresh, method="assume-role")


class _Found:
    """Stands in for the SDK's search for credentials: these are they."""

    def __init__(self, credentials: RefreshableCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> RefreshableCredentials:
        return self._credentials


def _session(config: Config) -> Session:
    """A session whose search for credentials asks once; the SDK would ask some sources again by itself."""
    from botocore.credentials import ContainerProvider
    from botocore.parsers import EC2QueryParser, ResponseParserFactory
    from botocore.session import Session
    from botocore.utils import ContainerMetadataFetcher

    class Once(ContainerMetadataFetcher):
        RETRY_ATTEMPTS, SLEEP_TIME = 1, 0

    class Ec2Parser(EC2QueryParser):
        def parse(self, response: Any, shape: Any) -> Any:
            reader = _reader.get()
            found = reader(response["body"]) if reader and response["status_code"] == 200 else None
            if found is None:
                return super().parse(response, shape)
            return {**found, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": dict(response["headers"])}}

    class Parsers(ResponseParserFactory):
        def create_parser(self, protocol_name: str) -> Any:
            return Ec2Parser() if protocol_name == "ec2" else super().create_parser(protocol_name)

    session = Session()
    session.register_component("response_parser_factory", Parsers())
    session.set_config_variable("metadata_service_num_attempts", 1)
    # Also for the clients that sources make for themselves, as web identity does.
    session.set_default_client_config(config)
    # The stubs take it for another kind of fetcher.
    fetcher: Any = Once()
    sources = session.get_component("credential_provider").providers
    sources[:] = [
        ContainerProvider(fetcher=fetcher) if source.METHOD == ContainerProvider.METHOD else source
        for source in sources
    ]
    return session


def _limit(context: dict[str, Any], **_: object) -> None:
    """Give this one request the time that its attempt has; an SDK that does not know of it keeps the client's."""
    context["read_timeout"] = _read_timeout.get()


def _method_name(action: str) -> str:
    """ "ec2.DescribeInstances" is the client's describe_instances."""
    from botocore import xform_name

    return xform_name(action.partition(".")[2])


def _sdk_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return ClientError, BotoCoreError, ResponseParserError
