"""Named points at which a test can have the process killed; a hook of the tests, without effect otherwise.

NOVACRON_FAILPOINT names one: "intent" (an operation was written down, nothing else), or of a step "before:NAME"
(nothing was sent), "begun:NAME" (written down that it may be sent), "sent:NAME" (sent and answered, nothing kept),
"kept:NAME" (its outcome is in the journal).
"""

import os
import signal

VARIABLE = "NOVACRON_FAILPOINT"


def failpoint(name: str) -> None:
    """Die here, as by kill -9, if the environment says so."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
