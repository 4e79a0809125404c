"""Pages and partial answers: a token survives changes between pages, a mask leaves what it names."""

import pytest
from novacron_sandbox.gcp.errors import GoogleError
from novacron_sandbox.gcp.pages import only, page


def _page(names: list[str], **query: str) -> tuple[list[str], str]:
    found, token = page(names, lambda name: [name], {"maxResults": "2", **query}, "here")
    return list(found), token


def test_two_pages_and_one_more() -> None:
    first, token = _page(["a", "b", "c", "d", "e"])
    second, further = _page(["a", "b", "c", "d", "e"], pageToken=token)
    assert (first, second) == (["a", "b"], ["c", "d"])
    assert _page(["a", "b", "c", "d", "e"], pageToken=further) == (["e"], "")


def test_a_full_last_page_has_no_token() -> None:
    assert _page(["a", "b"]) == (["a", "b"], "")


def test_what_goes_and_comes_between_pages_moves_nothing_else() -> None:
    _, token = _page(["a", "b", "c", "d"])
    assert _page(["b1", "c", "d"], pageToken=token) == (["b1", "c"], _page(["b1", "c", "d"], pageToken=token)[1])


def test_a_token_of_another_query_is_refused() -> None:
    _, token = _page(["a", "b", "c"])
    for query in ({"pageToken": token, "filter": "name = a"}, {"pageToken": "nonsense"}):
        with pytest.raises(GoogleError, match="pageToken"):
            _page(["a", "b", "c"], **query)


@pytest.mark.parametrize("limit", ["501", "-1", "many"])
def test_more_than_500_a_page_is_refused(limit: str) -> None:
    with pytest.raises(GoogleError, match="maxResults"):
        _page(["a"], maxResults=limit)


ANSWER = {
    "kind": "list",
    "items": {
        "zones/a": {"instances": [{"name": "x", "id": "1", "nics": [{"ip": "10", "mac": "m"}]}]},
        "zones/b": {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "none"}},
    },
    "nextPageToken": "t",
}


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("kind", {"kind": "list"}),
        ("kind,nextPageToken", {"kind": "list", "nextPageToken": "t"}),
        (
            "items/*/instances(name,nics/ip),nextPageToken",
            {
                "items": {"zones/a": {"instances": [{"name": "x", "nics": [{"ip": "10"}]}]}, "zones/b": {}},
                "nextPageToken": "t",
            },
        ),
        (
            "items(zones/a/instances/id)",
            {"items": {}},
        ),
        (
            "items/*(instances/id,warning(code))",
            {
                "items": {
                    "zones/a": {"instances": [{"id": "1"}]},
                    "zones/b": {"warning": {"code": "NO_RESULTS_ON_PAGE"}},
                }
            },
        ),
    ],
)
def test_a_mask_leaves_what_it_names(mask: str, left: object) -> None:
    assert only(mask, ANSWER) == left


@pytest.mark.parametrize("mask", ["items(name", "items)", "a)b"])
def test_a_mask_that_cannot_be_read_is_refused(mask: str) -> None:
    with pytest.raises(GoogleError, match="field selection"):
        only(mask, ANSWER)
