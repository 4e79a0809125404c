"""Resource names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.names import PROVIDER_ID, ResourceName, parse, provider_of


def test_a_name_of_an_instance() -> None:
    name = ResourceName("aws", "instances", ("us-east-1", "i-0abc"))
    assert str(name) == "providers/aws/instances/us-east-1~i-0abc"
    assert parse(str(name), "instances", 2) == name


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_parts_come_back(parts: list[str]) -> None:
    name = ResourceName("azure-1", "images", tuple(parts))
    assert parse(str(name), "images", len(parts)) == name
    assert str(name).count("/") == 3


@pytest.mark.parametrize(
    "name",
    [
        "",
        "i-0abc",
        "providers/aws",
        "providers//instances/us-east-1~i-0abc",
        "providers/aws/instances/",
        "providers/aws/instances/i-0abc",
        "providers/aws/instances/us-east-1~",
        "providers/aws/instances/a~b~c",
        "providers/aws/images/us-east-1~i-0abc",
        "providers/aws/instances/us-east-1~i-0abc/disks",
        "projects/aws/instances/us-east-1~i-0abc",
    ],
)
def test_what_has_another_form_is_refused_with_the_form(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(name, "instances", 2, field="instance")
    assert caught.value.violations[0].field == "instance"
    assert "providers/{provider}/instances/" in caught.value.message


def test_the_provider_of_a_name_or_parent() -> None:
    assert provider_of("providers/aws") == provider_of("providers/aws/instances/a~b") == "aws"
    assert provider_of("providers/-") == "-"
    assert provider_of("providers") == provider_of("") == provider_of("i-0abc") == ""


def test_provider_ids() -> None:
    assert all(PROVIDER_ID.fullmatch(name) for name in ("aws", "aws-main-2", "a" * 63))
    assert not any(PROVIDER_ID.fullmatch(name) for name in ("", "1aws", "AWS", "aws_1", "-", "a" * 64))
