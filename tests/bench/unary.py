"""A unary call through validation, dispatch, spans and logs, against bare grpc.aio that answers as many bytes."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
from novacron.cloud.v1 import provider_service_pb2

from tests.bench.processes import Server, ours, rival
from tests.bench.table import Row, alternated, compared

METHOD = "/novacron.cloud.v1.ProviderService/GetProvider"
# Calls of a run, and of those at once; short runs and many, since a machine may change its speed within a long one.
CALLS, AT_ONCE, ROUNDS = 400, 50, 25


async def call(server: Server, request: bytes) -> float:
    """CPU in microseconds for a call."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[Any, bytes] = channel.unary_unary(METHOD, None, None)
        await method(request)
        begin = server.cpu
        for _ in range(CALLS // AT_ONCE):
            await asyncio.gather(*(method(request) for _ in range(AT_ONCE)))
        return (server.cpu - begin) / CALLS * 1e6


async def rows() -> AsyncIterator[Row]:
    request = provider_service_pb2.GetProviderRequest(name="providers/toy").SerializeToString()
    async with ours(1, 60.0) as server, rival("ring", 1, 60.0) as bare:
        async with grpc.aio.insecure_channel(server.address) as channel:
            method: grpc.aio.UnaryUnaryMultiCallable[Any, bytes] = channel.unary_unary(METHOD, None, None)
            # The bare server answers with its request.
            answer = await method(request)
        found = await alternated({"ours": partial(call, server, request), "bare": partial(call, bare, answer)}, ROUNDS)
    what = f"CPU of a GetProvider, {AT_ONCE} at once, against a bare grpc.aio server with the same answer"
    yield compared("unary", what, 1.3, found["ours"], found["bare"], "us")
