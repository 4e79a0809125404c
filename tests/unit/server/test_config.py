"""Configuration: three sources, one order, and clear words for what is wrong."""

import pathlib
from dataclasses import fields

import pytest
from novacron_server import config
from novacron_server.config import Config, ConfigError, load


@pytest.fixture(autouse=True)
def bare_home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)


def written(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / "given.toml"
    path.write_text(text)
    return path


def test_flags_win_over_environment_and_environment_over_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 'listen = "127.0.0.1:1"\nlog_level = "error"\nlog_format = "console"\n')
    monkeypatch.setenv("NOVACRON_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("NOVACRON_LOG_LEVEL", "warning")
    found = load(file, {"listen": "127.0.0.1:3"})
    assert (found.listen, found.log_level, found.log_format) == ("127.0.0.1:3", "warning", "console")


def test_providers_of_file_and_environment_are_merged(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, '[providers.main]\nkind = "aws"\nregions = ["us-east-1"]\n')
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN__AUTH", '{"access_key_id": "AKIAEXAMPLE"}')
    entry = load(file).providers["main"]
    assert entry.regions == ["us-east-1"]
    assert entry.auth["access_key_id"].reveal() == "AKIAEXAMPLE"


def test_the_environment_reaches_into_tables(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVACRON_PROVIDERS", '{"main": {"kind": "aws", "timeout": 5}}')
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN__AUTH__ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN__REGIONS", '["us-east-1"]')
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN__DEFAULT", "true")
    monkeypatch.setenv("NOVACRON_LOG_LEVEL", "")
    found = load(written(tmp_path, '[providers.main]\nkind = "gcp"\nproject = "p"\n'))
    entry = found.providers["main"]
    assert (entry.kind, entry.project, entry.timeout, entry.regions) == ("aws", "p", 5.0, ["us-east-1"])
    assert entry.auth["access_key_id"].reveal() == "AKIAEXAMPLE"
    assert entry.default
    assert found.log_level == "info"


def test_what_is_wrong_in_the_environment_is_told_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVACRON_LEASE", "soon")
    monkeypatch.setenv("NOVACRON_PROVIDERS", "none")
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == "environment: lease: must be a number; environment: providers: must be a table"


def test_the_default_file_is_found_in_the_working_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "novacron-cloud.toml").write_text('log_level = "debug"\n')
    assert config.default_file() == pathlib.Path("novacron-cloud.toml")
    assert load().log_level == "debug"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('lisen = "x"', "unknown key 'lisen'; did you mean 'listen'?"),
        ('[providers.a]\nkind = "aws"\nregoins = []', "unknown key 'providers.a.regoins'; did you mean 'regions'?"),
        ('[providers.Default]\nkind = "aws"', "must be lower-case letters"),
        ("[providers.a]\ndefault = true", "providers.a.kind: is required"),
        ('[providers.a]\nkind="x"\ndefault=true\n[providers.b]\nkind="x"\ndefault=true', "not a and b"),
        ('listen = "0.0.0.0:7443"', "is not on loopback"),
        ('listen = "example.org:7443"', "is not on loopback"),
        ('listen = "127.0.0.1"', "is neither HOST:PORT nor unix:PATH"),
        ('database = "mysql://x"', "must begin with sqlite:/// or postgresql+psycopg://"),
        ("shutdown_grace = 31", "less than or equal to 30"),
        ("listen = ", "given.toml: "),
    ],
)
def test_what_is_wrong_names_the_file_the_key_and_the_way_out(tmp_path: pathlib.Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert says in str(caught.value)
    assert "given.toml" in str(caught.value)


def test_an_unknown_variable_names_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVACRON_LOG_LEVL", "debug")
    with pytest.raises(ConfigError, match="NOVACRON_LOG_LEVL is no setting; did you mean NOVACRON_LOG_LEVEL"):
        load()


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ConfigError, match="flags: unknown key 'colour'"):
        load(None, {"colour": "red"})


def test_a_file_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: No such file"):
        load(tmp_path / "missing.toml")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:7443", "[::1]:7443", "unix:/run/novacron.sock"])
def test_loopback_and_unix_sockets_are_allowed(listen: str) -> None:
    assert load(None, {"listen": listen}).listen == listen


def test_what_is_shown_holds_no_secret(tmp_path: pathlib.Path) -> None:
    found = load(
        written(
            tmp_path,
            'database = "postgresql://nova:canary-password@localhost/db"\n'
            '[providers.a]\nkind = "aws"\nauth = { secret_access_key = "canary-secret" }\n',
        )
    )
    assert "canary" not in str(found.shown()) + repr(found.providers)
    assert found.shown()["providers"]["a"]["auth"] == {"secret_access_key": "***"}
    assert found.shown()["database"] == "postgresql+psycopg://nova:***@localhost/db"


def test_every_setting_says_what_it_is() -> None:
    source = pathlib.Path(config.__file__).read_text()
    for model in (Config, config.ProviderEntry):
        for field in [each.name for each in fields(model)]:
            following = source.split(f"\n    {field}: ", 1)[1].split("\n", 2)[1]
            assert following.strip().startswith('"""'), f"{model.__name__}.{field} has no docstring"
