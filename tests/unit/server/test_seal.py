"""Credentials at rest."""

import os
import pathlib
import stat

import pytest
from novacron_providers.contract.errors import CredentialsInvalid
from novacron_providers.contract.secret import Secret
from novacron_server.security.seal import KeyFileError, Seal

AUTH = {"access_key_id": Secret("AKIA-canary"), "secret_access_key": Secret("s3cr3t-canary")}


@pytest.fixture
def key(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "state" / "sealing.key"


def test_the_key_is_made_once_for_its_owner_alone(key: pathlib.Path) -> None:
    sealed = Seal.from_file(key).seal("aws", AUTH)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert Seal.from_file(key).open("aws", sealed) == AUTH


def test_what_is_sealed_shows_nothing_and_never_repeats(key: pathlib.Path) -> None:
    seal = Seal.from_file(key)
    first, second = seal.seal("aws", AUTH), seal.seal("aws", AUTH)
    assert b"canary" not in first and first != second
    assert "canary" not in repr(seal.open("aws", first))


def test_nothing_is_sealed_as_nothing(key: pathlib.Path) -> None:
    seal = Seal.from_file(key)
    assert seal.seal("aws", {}) == b"" and seal.open("aws", b"") == {}


def test_a_sealed_text_cannot_be_moved_or_changed(key: pathlib.Path) -> None:
    seal = Seal.from_file(key)
    sealed = seal.seal("aws", AUTH)
    with pytest.raises(CredentialsInvalid, match="belong to another provider"):
        seal.open("other", sealed)
    for position in (20, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(CredentialsInvalid):
            seal.open("aws", bytes(changed))


def test_another_key_is_told_apart(key: pathlib.Path, tmp_path: pathlib.Path) -> None:
    sealed = Seal.from_file(key).seal("aws", AUTH)
    with pytest.raises(CredentialsInvalid, match="sealed with another key"):
        Seal.from_file(tmp_path / "other.key").open("aws", sealed)


def test_a_key_that_others_can_read_is_refused(key: pathlib.Path) -> None:
    Seal.from_file(key)
    os.chmod(key, 0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Seal.from_file(key)


def test_a_file_without_a_key_is_refused(key: pathlib.Path) -> None:
    Seal.from_file(key)
    key.write_text("not a key\n")
    with pytest.raises(KeyFileError, match="holds no key"):
        Seal.from_file(key)
