"""What the sidecar does: serve the contract over whatever adapters are installed; it never names a cloud."""

import sys

# structlog takes rich along where it is installed, for tracebacks in colour that the server does not write: a tenth of
# all that a start imports.
if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # what Python itself reads as "not there"
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
