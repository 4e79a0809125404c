"""HTTP for the adapters that speak it themselves: one session for each account."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.request import getproxies_environment

if TYPE_CHECKING:
    import ssl

    import aiohttp


def open_session(trust: ssl.SSLContext, *, connections: int) -> aiohttp.ClientSession:
    """A session that keeps no cookies and sends each request once; inside an event loop, aiohttp being imported."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=trust),
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(_once,),
        # For the proxy; aiohttp then looks for a netrc in a thread at each request, at the cost of the request itself.
        trust_env=bool(getproxies_environment()),
    )


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending again by itself what it may have sent: it repeats only after these two errors."""
    import aiohttp

    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(f"the connection was cut: {error}") from error
