"""URLs of databases mean what they meant to SQLAlchemy, which read them before, and reads them here."""

import os
import pathlib

import pytest
from novacron_server.state.connection import Connection
from novacron_server.state.dialect import Postgresql, Sqlite, dialect_of
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url
from sqlalchemy.dialects import registry


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://",
        "postgresql:///db",
        "postgresql+psycopg://host/db",
        "postgresql+psycopg2://host:5433/db",
        "postgresql://me@host/db",
        "postgresql://me:@host/db",
        "postgresql://me@corp:secret@host.example:5432/db",
        "postgresql://m%40e:s%2Fe%3Ac%40r%25et@host/d%20b",
        "postgresql://me:se/c?r#e:t@host/db?sslmode=require",
        "postgresql://me:plus+plus@[::1]:5432/db?application_name=mine&options=-c%20geqo%3Doff",
        "postgresql://postgres:@/postgres?host=/tmp/a%20folder",
        "postgresql://me@/db?host=one:5433&host=two:5434&target_session_attrs=read-write",
        "postgresql://me@/db?host=one,two&port=5433,5434",
        "postgresql://me@/db?host=one:5433",
        "postgresql://me@ignored:1/db?host=other",
    ],
)
def test_libpq_is_told_what_sqlalchemy_told_it(text: str) -> None:
    ours = dialect_of(text)
    assert isinstance(ours, Postgresql)
    _, theirs = registry.load("postgresql.psycopg")().create_connect_args(make_url(text))
    expected = {name: str(value) for name, value in theirs.items() if value} | {"application_name": "novacron-cloud"}
    found = conninfo_to_dict(ours.conninfo())
    waits = {name: found.pop(name) for name in [*found] if name.startswith(("keepalives", "tcp_", "connect_t"))}
    assert found == expected
    assert len(waits) == 5


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///state.db",
        "sqlite:////{folder}/state.db",
        "sqlite:////{folder}/with%20space",
        "sqlite:////{folder}/a@b:c",
    ],
)
def test_a_path_is_the_one_that_sqlalchemy_took(
    text: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = text.replace("/{folder}", str(tmp_path))
    dialect = dialect_of(text)
    assert isinstance(dialect, Sqlite)
    connection = Connection(dialect)
    file = connection.row("pragma database_list").file
    connection.close()
    expected = make_url(text).database
    assert expected and file == os.path.realpath(expected)


def test_what_is_shown_of_a_url_has_no_secret() -> None:
    url = dialect_of("postgresql://me:hunter2@host:5432/db?password=hunter2").url
    assert str(url) == "postgresql://me:***@host:5432/db"
    assert str(dialect_of("sqlite:////var/state.db?timeout=3").url) == "sqlite:////var/state.db"
