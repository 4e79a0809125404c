"""Clouds on loopback: one child process that behaves as AWS does, with a world whose machines have workloads.

>>> with Sandbox(metrics_period=1, metrics_lag=0) as sandbox:
...     sandbox.aws["endpoint"]
"""

from novacron_sandbox.process import Sandbox, SandboxError

__all__ = ["Sandbox", "SandboxError"]
