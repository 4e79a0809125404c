"""A Secret shows itself nowhere."""

import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass

import pytest
from novacron_providers.contract.call import Call
from novacron_providers.contract.secret import Secret

CANARY = "canary-7f3a"


@dataclass
class Holder:
    secret: Secret


def test_nothing_but_reveal_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    holder = Holder(secret)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("signed in with %s and %r and %s", secret, secret, [holder])
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>10}", repr(holder), str(asdict(holder))]
    try:
        raise ValueError(secret)
    except ValueError:
        shown.append(traceback.format_exc())
    assert not [text for text in (*shown, caplog.text) if CANARY in text]
    assert secret.reveal() == CANARY


def test_it_is_neither_pickled_nor_made_json() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError) as caught:
        json.dumps({"secret": Secret(CANARY)})
    assert CANARY not in str(caught.value)


def test_it_is_a_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") and not Secret("")
    assert copy.deepcopy(Holder(Secret("a"))).secret == copy.copy(Secret("a")) == Secret("a")


def test_a_call_knows_what_is_left_of_its_deadline() -> None:
    assert Call().remaining() is None
    assert Call(deadline=0.0).remaining() == 0.0
