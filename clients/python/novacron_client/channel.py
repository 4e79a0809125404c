"""The connection to a server."""

import grpc.aio

# Numbers measured against our server: answers may be larger than gRPC's 4 MiB, a reader that lags holds at most 1 MiB,
# a peer that vanished is noticed within 40 s, and a server that comes back is found within 2 s.
_OPTIONS = (
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 4 << 20),
    ("grpc.http2.lookahead_bytes", 1 << 20),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A ping has a limit of its own, by default a minute, and gRPC heeds that one.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Two clients of one process must not share a broken connection, nor its back-off.
    ("grpc.use_local_subchannel_pool", 1),
    # A sidecar is beside its callers, never behind a proxy that the environment names for the world outside.
    ("grpc.enable_http_proxy", 0),
    # Repeating is decided here, by idempotency and deadline, not by gRPC.
    ("grpc.enable_retries", 0),
)


def open_channel(address: str) -> grpc.aio.Channel:
    """Make a channel to "HOST:PORT" or "unix:PATH"; it connects with the first call.

    Raises ValueError for an address of another form.
    """
    host, colon, port = address.rpartition(":")
    if not address.startswith("unix:") and not (host and colon and port.isdigit()):
        raise ValueError(f"{address!r} is neither HOST:PORT nor unix:PATH")
    return grpc.aio.insecure_channel(address, options=_OPTIONS)
