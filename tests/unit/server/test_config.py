"""Configuration: three sources, one order, and clear words for what is wrong."""

import pathlib
from typing import Any

import pytest
from novacron_server import config
from novacron_server.config import Config, ConfigError, ProviderEntry, load


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
    assert str(caught.value) == (
        "environment: lease: Expected `float`, got `str`; environment: providers: Expected `object`, got `str`"
    )


def test_of_sources_that_are_joined_the_one_at_fault_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 'lease = 0\n[providers.a]\nkind = "x"\nregoins = []\n[providers.b]\nkind = "x"\n')
    monkeypatch.setenv("NOVACRON_LEASE", "0.5")
    monkeypatch.setenv("NOVACRON_PROVIDERS__A__TIMEOUT", "5")
    monkeypatch.setenv("NOVACRON_PROVIDERS__B__TIMEOUT", "0")
    with pytest.raises(ConfigError) as caught:
        load(file, {"replica": 5})
    assert str(caught.value) == (
        "environment: lease: Expected `float` >= 1.0; "
        f"{file}: unknown key 'providers.a.regoins'; did you mean 'regions'?; "
        "environment: providers.b.timeout: Expected `float` > 0.0; "
        "flags: replica: Expected `str`, got `int`"
    )


def test_a_text_that_looks_like_json_stays_a_text_where_one_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN", '{"kind": "gcp"}')
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN__PROJECT", "5")
    monkeypatch.setenv("NOVACRON_PROVIDERS__MAIN__AUTH__SERVICE_ACCOUNT_JSON", '{"type": "service_account"}')
    entry = load().providers["main"]
    assert entry.project == "5"
    assert entry.auth["service_account_json"].reveal() == '{"type": "service_account"}'


@pytest.mark.parametrize(
    "wrong", [{"listen": "0.0.0.0:1"}, {"database": "mysql://x"}, {"providers": {"default": ProviderEntry(kind="x")}}]
)
def test_one_that_is_made_in_code_is_checked_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|must begin|loopback"):
        Config(**wrong)


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
        ("[providers.a]\ndefault = true", "providers.a: Object missing required field `kind`"),
        ('[providers.a]\nkind="x"\ndefault=true\n[providers.b]\nkind="x"\ndefault=true', "not a and b"),
        ('listen = "0.0.0.0:7443"', "is not on loopback"),
        ('listen = "example.org:7443"', "is not on loopback"),
        ('listen = "127.0.0.1"', "is neither HOST:PORT nor unix:PATH"),
        ('database = "mysql://x"', "must begin with sqlite:/// or postgresql+psycopg://"),
        ("shutdown_grace = 31", "shutdown_grace: Expected `float` <= 30.0"),
        ("lease = nan", "lease: Expected `float` >= 1.0"),
        ("lease = true", "lease: Expected `float`, got `bool`"),
        ("max_concurrent_rpcs = 1.5", "max_concurrent_rpcs: Expected `int`, got `float`"),
        ("key_file = 5", "key_file: a path must be a text"),
        ('log_level = "loud"', "log_level: Invalid enum value 'loud'; it is one of debug, info, warning, error"),
        ('[providers.a]\nkind = "x"\nmax_retries = 21', "providers.a.max_retries: Expected `int` <= 20"),
        ('[providers.a]\nkind = "x"\nregions = ["r", 5]', "providers.a.regions.1: Expected `str`, got `int`"),
        ('[providers.a]\nkind = "x"\na = 1', "unknown key 'providers.a.a'"),
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
    assert "canary" not in str(found.shown()) + repr(found) + repr(found.providers)
    assert found.shown()["providers"]["a"]["auth"] == {"secret_access_key": "***"}
    assert found.shown()["database"] == "postgresql+psycopg://nova:***@localhost/db"


@pytest.mark.parametrize(
    "auth",
    ['"canary"', '["canary"]', "{ key = 4242 }", '{ key = ["canary"] }', '{ key = { deep = "canary" } }'],
)
def test_what_is_wrong_with_a_secret_does_not_show_it(tmp_path: pathlib.Path, auth: str) -> None:
    with pytest.raises(ConfigError, match=r"given\.toml: providers\.a\.auth: ") as caught:
        load(written(tmp_path, f'[providers.a]\nkind = "aws"\nauth = {auth}\n'))
    assert "canary" not in str(caught.value) and "4242" not in str(caught.value)


def test_every_setting_says_what_it_is() -> None:
    source = pathlib.Path(config.__file__).read_text()
    for model in (Config, ProviderEntry):
        for field in model.__struct_fields__:
            following = source.split(f"\n    {field}: ", 1)[1].split("\n", 2)[1]
            assert following.strip().startswith('"""'), f"{model.__name__}.{field} has no docstring"
