"""Pages: a token survives changes between pages and is good for its own query alone."""

import pytest
from novacron_sandbox.pages import BadTokenError, page


def _page(names: list[str], token: str = "", query: str = "all") -> tuple[list[str], str]:
    found, following = page(names, lambda name: [name], limit=2, token=token, query=query)
    return list(found), following


def test_two_pages_and_one_more() -> None:
    first, token = _page(["a", "b", "c", "d", "e"])
    second, further = _page(["a", "b", "c", "d", "e"], token)
    assert (first, second) == (["a", "b"], ["c", "d"])
    assert _page(["a", "b", "c", "d", "e"], further) == (["e"], "")


def test_a_full_last_page_has_no_token() -> None:
    assert _page(["a", "b"]) == (["a", "b"], "")


def test_what_goes_and_comes_between_pages_moves_nothing_else() -> None:
    _, token = _page(["a", "b", "c", "d"])
    assert _page(["b1", "c", "d"], token) == (["b1", "c"], _page(["b1", "c", "d"], token)[1])


def test_a_token_of_another_query_is_refused() -> None:
    _, token = _page(["a", "b", "c"])
    for given, query in ((token, "some"), ("nonsense", "all")):
        with pytest.raises(BadTokenError):
            _page(["a", "b", "c"], given, query)
