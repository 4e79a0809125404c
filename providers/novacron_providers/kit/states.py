"""The states of a cloud's instances in the contract's words, and what is said of one that has none."""

import logging
from collections.abc import Mapping

from novacron.cloud.v1 import compute_pb2
from opentelemetry import metrics

_log = logging.getLogger("novacron.cloud")
_unknown = metrics.get_meter("novacron.cloud").create_counter(
    "novacron.cloud.unknown_states",
    "{instance}",
    "Instances that were read in a state which the adapter does not know.",
)
_told: set[tuple[str, str]] = set()


def instance_state(
    kind: str, states: Mapping[str, compute_pb2.InstanceState], native: str
) -> compute_pb2.InstanceState:
    """Give the contract's word for a native state.

    One that the mapping lacks is INSTANCE_STATE_UNSPECIFIED, and not silently: each reading is counted, and the first
    one of a state is a warning in the log. docs/states.md has all that are known.

    Args:
        kind: Kind of the provider, "aws".
        states: What the adapter knows.
        native: The cloud's own word.
    """
    state = states.get(native)
    if state is not None:
        return state
    _unknown.add(1, {"kind": kind, "state": native})
    if (kind, native) not in _told:
        _told.add((kind, native))
        _log.warning(
            "%s has an instance in state %r, which this version does not know: it is shown as it is", kind, native
        )
    return compute_pb2.INSTANCE_STATE_UNSPECIFIED
