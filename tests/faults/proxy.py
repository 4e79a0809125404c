"""A proxy in front of a sandbox's cloud: what goes wrong on the way, and what is seen of the calls.

Faults are on the wire, so that "after the effect" is just that: the cloud has carried the request out, and its answer
is lost. Which attempt of which request fails follows from the seed alone, however calls overlap: a run can be repeated.
"""

import asyncio
import hashlib
import random
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiohttp import web

from tests.faults.forms import Answer, Asked, of

# Faults that a repetition heals; none of them is an answer about the request itself.
TRANSIENT = ("unavailable", "throttle", "reset", "reset_after", "slow_after", "failed_after")
# Answers that stay as they are: a repetition is not asked for.
DEFINITE = ("stockout", "expired")
# What an outage looks like, in turns.
OUTAGE = ("unavailable", "reset", "hang")
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"}


def mix(share: float, kinds: tuple[str, ...] = TRANSIENT) -> dict[str, float]:
    """Faults of these kinds, equally often, that meet so large a share of all requests."""
    return {kind: share / len(kinds) for kind in kinds}


class Bucket:
    """So many requests a second are let through, and `burst` at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._rate, self._burst = per_second, burst
        self._left, self._at = burst, time.monotonic()

    def take(self) -> bool:
        """Whether one more may pass."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Proxy:
    """Serves on a free port of loopback what `upstream` answers, faults included.

    Args:
        cloud: Kind of cloud.
        upstream: Address of the sandbox's cloud; with https, `ca_file` is its authority.
        seed: Of the faults.

    Attributes:
        endpoint: Address to use in place of `upstream`.
        mix: How often each fault is met, from 0 to 1.
        outage: Nothing reaches the cloud.
        buckets: Throttle what is over its rate, by action; that of "*" is for every other action.
        slow: Seconds by which a slow answer comes late, and after which a hanging request is given up.
        seen: Requests by action; of faults, their kind.
        faults: Faults by kind.
        changes: Attempts of each call that changes something.
    """

    def __init__(self, cloud: str, upstream: str, *, seed: int, ca_file: str = "") -> None:
        self.cloud, self._upstream, self._seed = cloud, upstream, seed
        self._ca_file = ca_file
        self._forms = of(cloud)
        self._requests: dict[str, dict[bytes, int]] = {}
        self._attempts: Counter[str] = Counter()
        self._news = asyncio.Condition()
        # Changes that the cloud has seen: what was made with a token is there, however full the zone is.
        self._taken_up: set[str] = set()
        self.endpoint = ""
        self.mix: Mapping[str, float] = {}
        self.outage = False
        self.buckets: dict[str, Bucket] = {}
        self.slow = 3.0
        self.seen: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()

    async def __aenter__(self) -> "Proxy":
        server_tls: ssl.SSLContext | None = None
        client_tls: ssl.SSLContext | bool = True
        if self._ca_file:
            server_tls, client_tls = await asyncio.to_thread(_tls, Path(self._ca_file))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=client_tls),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=60),
        )
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # What was begun is carried out, also when its caller has left.
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=False, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=server_tls, backlog=1024)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint = f"{'https' if server_tls else 'http'}://{host}:{port}"
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._session.close()
        await self._runner.cleanup()

    @property
    def requests(self) -> int:
        """All requests that it saw since the last `forget`."""
        return self.seen.total()

    async def hears(self, action: str, count: int) -> None:
        """Return when so many more requests of an action have come."""
        goal = self.seen[action] + count
        async with self._news:
            await self._news.wait_for(lambda: self.seen[action] >= goal)

    def forget(self) -> None:
        """Count anew; the next attempt of each request is its first."""
        for counter in (self.seen, self.faults, self.changes, self._attempts):
            counter.clear()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except ConnectionResetError:
            # Whoever asked was killed.
            return web.Response()
        asked = self._forms.asked(request.method, request.path_qs, body)
        if asked is None:
            # Tokens are asked for by the address of what they are for, and the sandbox knows only its own.
            ours, theirs = (quote(address, safe="").encode() for address in (self.endpoint, self._upstream))
            return await self._pass_on(request, body.replace(ours, theirs))
        async with self._news:
            self.seen[asked.action] += 1
            self._news.notify_all()
        if asked.call:
            self.changes[asked.call] += 1
        fault, dice = self._fault(asked, request, body)
        if fault:
            self.faults[fault] += 1
        match fault:
            case "unavailable":
                return _response(self._forms.unavailable())
            case "throttle":
                return _response(self._forms.throttle(dice))
            case "expired":
                return _response(self._forms.expired())
            case "stockout":
                return _response(self._forms.stockout())
            case "reset":
                return _reset(request)
            case "hang":
                await asyncio.sleep(self.slow)
                return _reset(request)
        if known := self._forms.known(request.path_qs):
            return _response(known)
        self._taken_up.add(asked.call)
        # The effect comes first, whatever becomes of the answer.
        answer = await self._pass_on(request, body)
        match fault:
            case "reset_after":
                return _reset(request)
            case "failed_after":
                return _response(self._forms.failed())
            case "slow_after":
                await asyncio.sleep(self.slow)
        return answer

    def _fault(self, asked: Asked, request: web.Request, body: bytes) -> tuple[str, float]:
        """The fault of this attempt, if it has one, and a number for how it looks."""
        known = hashlib.sha256(f"{request.method} {request.path_qs}\n".encode() + body).digest()
        # Ids are made up by the cloud anew in each run; how many requests differ, and which is met first, stays.
        numbers = self._requests.setdefault(asked.action, {})
        subject = f"{self._seed}/{self.cloud}/{asked.action}/{numbers.setdefault(known, len(numbers))}"
        self._attempts[subject] += 1
        dice = random.Random(f"{subject}/{self._attempts[subject]}")
        if self.outage:
            return dice.choice(OUTAGE), 0.0
        bucket = self.buckets.get(asked.action) or self.buckets.get("*")
        if bucket and not bucket.take():
            return "throttle", dice.random()
        thrown = dice.random()
        for kind, share in self.mix.items():
            if thrown < share:
                spared = kind == "stockout" and (not asked.creates or asked.call in self._taken_up)
                return "" if spared else kind, dice.random()
            thrown -= share
        return "", 0.0

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            async with self._session.request(
                request.method,
                self._upstream + request.path_qs,
                data=body or None,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
                content = await answer.read()
        except aiohttp.ServerDisconnectedError:
            # The sandbox's own fault.
            return _reset(request)
        response = web.Response(status=answer.status, body=content)
        response.headers.popall("Content-Type", None)
        response.headers.extend(kept)
        return response


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _reset(request: web.Request) -> web.Response:
    """Cut the connection as a crashed machine does: without lingering, so that the other side sees a reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


def _tls(ca_file: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The sandbox's own certificate, which its clients trust already, and what is trusted of the sandbox."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ca_file.with_name("server.pem"))
    return server, ssl.create_default_context(cafile=ca_file)
