"""Waiting for one of several things on the injected clock."""

import asyncio
from typing import Any

from novacron_providers.contract.clock import Clock


async def within(clock: Clock, seconds: float, *events: asyncio.Future[Any]) -> bool:
    """Wait until one of the events has happened, at most so many seconds of the clock; whether one has."""
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({timer, *events}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return any(event.done() for event in events)
