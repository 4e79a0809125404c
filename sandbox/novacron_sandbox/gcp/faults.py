"""Odd days of Google Cloud, by name: the next calls of an action fail as Google fails, a given number of times.

An action is "instances.insert", "zoneOperations.wait", "timeSeries.list", "token", "generateAccessToken".

html500      an HTML page with status 500 instead of an answer
throttle     too many requests: 403 rateLimitExceeded (over gRPC RESOURCE_EXHAUSTED)
unavailable  the service is overloaded (503)
reset        the connection is cut (over gRPC UNAVAILABLE)
slow         the answer comes `seconds` later (default 2)
expired      the caller's token is over (401)
denied       the caller lacks the permission (403 forbidden)
capacity     the call is accepted and its operation ends with ZONE_RESOURCE_POOL_EXHAUSTED
quota        the project may have no more of it (403 quotaExceeded)
"""

from novacron_sandbox.faults import Fault
from novacron_sandbox.gcp.errors import GoogleError, not_authenticated
from novacron_sandbox.gcp.wire import Answer

KINDS = ("html500", "throttle", "unavailable", "reset", "slow", "expired", "denied", "capacity", "quota")

_PAGE = b"<!DOCTYPE html><html lang=en><title>Error 500 (Server Error)!!1</title><p><b>500.</b><br>&nbsp;</html>"


def answer(fault: Fault) -> Answer | None:
    """Return what the caller gets to see; None cuts the connection. Not for "slow", which only waits."""
    if fault.kind == "reset":
        return None
    if fault.kind == "html500":
        return Answer(_PAGE, 500, "text/html; charset=UTF-8")
    return error(fault).answer()


def error(fault: Fault) -> GoogleError:
    """Return the refusal, also for the kinds that have none of their own over HTTP."""
    match fault.kind:
        case "throttle":
            return GoogleError(403, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits")
        case "denied":
            return GoogleError(403, "forbidden", f"Required 'compute.{fault.action}' permission for the project")
        case "quota":
            return GoogleError(403, "quotaExceeded", "Quota 'CPUS' exceeded.  Limit: 24.0 in region us-central1.")
        case "expired":
            return not_authenticated()
        case "html500":
            return GoogleError(500, "backendError", "Internal error encountered.")
        case _:
            return GoogleError(503, "backendError", "The service is currently unavailable.")
