"""The entry of `novacron-cloud`."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    # gRPC tells of connections that come and go on stderr, where only our own sentences belong.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        if sys.argv[1:2] == ["serve"]:
            # Past what reads the arguments of all other commands: its imports are a fifth of the server's start.
            from novacron_cli.serve import serve

            serve(sys.argv[2:])
        else:
            from novacron_cli.commands import app

            app()
    except KeyboardInterrupt:
        # While something is imported; a command that runs tells it itself.
        raise SystemExit(130) from None
