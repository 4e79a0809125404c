"""Registered providers and remembered answers survive, and are told apart."""

from dataclasses import replace

import pytest
from novacron_providers.contract.errors import EtagMismatch, RequestIdReused
from novacron_server.state.providers import ProviderRow, all_providers, delete_provider, put_provider
from novacron_server.state.requests import KEPT, recall, remember
from novacron_server.state.store import Store

ROW = ProviderRow(
    id="aws",
    kind="aws",
    display_name="Main",
    config=b"\x00config",
    auth=b"\xffsealed",
    is_default=True,
    version=1,
    origin="rpc",
    create_time=1_700_000_000.25,
)


async def test_a_provider_comes_back_as_it_was_put(database: str) -> None:
    store = await Store.open(database)
    other = replace(ROW, id="aws-b", auth=b"", is_default=False, origin="config")
    await put_provider(store, other)
    await put_provider(store, ROW)
    await store.close()
    again = await Store.open(database)
    assert await all_providers(again) == [ROW, other]
    await again.close()


async def test_a_provider_is_replaced_only_by_who_read_it(store: Store) -> None:
    await put_provider(store, ROW)
    second = replace(ROW, version=2, display_name="Second")
    await put_provider(store, second, expected_version=1)
    with pytest.raises(EtagMismatch) as caught:
        await put_provider(store, replace(ROW, version=2, display_name="Late"), expected_version=1)
    assert caught.value.resource == "providers/aws"
    assert await all_providers(store) == [second]
    forced = replace(ROW, version=7)
    await put_provider(store, forced)
    assert await all_providers(store) == [forced]


async def test_a_provider_that_is_gone_is_not_brought_back_by_an_update(store: Store) -> None:
    await put_provider(store, ROW)
    assert await delete_provider(store, "aws")
    assert not await delete_provider(store, "aws")
    with pytest.raises(EtagMismatch):
        await put_provider(store, ROW, expected_version=1)
    assert await all_providers(store) == []


async def test_a_request_gets_its_answer_again_and_another_one_an_error(store: Store) -> None:
    assert await recall(store, "ann", "id", b"digest") is None
    await remember(store, "ann", "id", b"digest", b"answer")
    assert await recall(store, "ann", "id", b"digest") == b"answer"
    with pytest.raises(RequestIdReused) as caught:
        await recall(store, "ann", "id", b"other")
    assert caught.value.violations[0].field == "request_id"
    assert await recall(store, "bob", "id", b"other") is None


async def test_of_two_answers_the_first_one_is_kept(store: Store) -> None:
    await remember(store, "ann", "id", b"digest", b"first")
    await remember(store, "ann", "id", b"digest", b"second")
    assert await recall(store, "ann", "id", b"digest") == b"first"


async def test_an_answer_is_forgotten_after_a_day(store: Store) -> None:
    await remember(store, "ann", "id", b"digest", b"answer")
    await store.write(lambda c: c.change("update answer set created = created - :seconds", seconds=KEPT - 60))
    assert await recall(store, "ann", "id", b"digest") == b"answer"
    await store.write(lambda c: c.change("update answer set created = created - 60"))
    assert await recall(store, "ann", "id", b"another") is None
    await remember(store, "bob", "id", b"digest", b"answer")
    assert await store.read(lambda c: len(c.rows("select principal from answer"))) == 1
