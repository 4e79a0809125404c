"""Page sizes and page tokens."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.errors import InvalidArgument, PageTokenInvalid
from novacron_providers.contract.paging import ListRequest, decode_offset, decode_token, encode_token, page_size


def listing(**fields: object) -> pb.ListInstancesRequest:
    return pb.ListInstancesRequest(parent="providers/aws", **fields)  # type: ignore[arg-type]  # any field


def test_page_sizes() -> None:
    assert [page_size(listing(page_size=size)) for size in (0, 1, 1000, 5000)] == [100, 1, 1000, 1000]
    assert page_size(listing(), default=1000, limit=10_000) == 1000
    with pytest.raises(InvalidArgument) as caught:
        page_size(listing(page_size=-1))
    assert caught.value.violations[0].field == "page_size"


def test_the_first_page_has_no_state() -> None:
    assert decode_token(listing()) is None
    assert decode_offset(listing()) == 0


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_token_gives_back_its_state(state: object) -> None:
    request = listing(filter='state = "RUNNING"')
    request.page_token = encode_token(request, state)
    assert decode_token(request) == state


def test_only_page_size_and_age_may_change_between_pages() -> None:
    token = encode_token(listing(regions=["us-east-1"]), 7)
    same = listing(regions=["us-east-1"], page_token=token, page_size=3)
    same.max_staleness.FromSeconds(5)
    assert decode_offset(same) == 7
    others: list[ListRequest] = [
        listing(page_token=token),
        listing(regions=["us-east-1"], page_token=token, show_deleted=True),
        listing(regions=["us-east-1"], page_token=token, filter='zone = "a"'),
        pb.ListInstanceTypesRequest(parent="providers/aws", regions=["us-east-1"], page_token=token),
    ]
    for other in others:
        with pytest.raises(PageTokenInvalid) as caught:
            decode_token(other)
        assert caught.value.violations[0].field == "page_token"


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "%%%",
        "é",
        "bnVsbA",
        base64.urlsafe_b64encode(b"[1,2,3]").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
    ],
    ids=["short", "not base64", "not ascii", "null", "three", "deep"],
)
def test_a_token_that_we_did_not_make_is_refused(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        decode_token(listing(page_token=token))


@given(st.text())
def test_no_token_raises_anything_else(token: str) -> None:
    request = listing(page_token=token)
    if token:
        with pytest.raises(PageTokenInvalid):
            decode_token(request)


@pytest.mark.parametrize("state", [-1, "1", [1], 1.5])
def test_an_offset_is_a_count(state: object) -> None:
    with pytest.raises(PageTokenInvalid):
        decode_offset(listing(page_token=encode_token(listing(), state)))
