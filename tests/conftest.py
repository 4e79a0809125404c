"""What holds for every test: loopback only, no blocked event loop, no skip without a reason, no credentials."""

import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Generator

import hypothesis
import pytest

from tests import logs
from tests.guard import blocking, loopback, skips

pytest_plugins = ["tests.judge.plugin"]

GUARD = pathlib.Path(loopback.__file__).parent
_REPORT = pathlib.Path(tempfile.mkdtemp(prefix="novacron-tests-")) / "offences"
_skipped: dict[str, str] = {}


def _report(offence: str) -> None:
    with _REPORT.open("a") as report:
        report.write(offence + "\n")


def _offences() -> list[str]:
    """What the guards saw since the last call."""
    if not _REPORT.exists():
        return []
    lines = _REPORT.read_text().splitlines()
    _REPORT.unlink()
    return lines


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target", metavar="HOST:PORT", default="", help="hold this server to tests/conformance, in place of our own"
    )
    parser.addoption("--provider", default="aws", help="with --target: id of a provider that is registered there")
    parser.addoption("--image", default="", help="with --target: image that instances can be made of there")
    parser.addoption("--instance-type", default="t3.micro", help="with --target: type that instances can be made of")


def pytest_configure() -> None:
    for name in list(os.environ):
        # Neither credentials nor a proxy of the person who runs the tests may change what they do.
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "NOVACRON_", "OTEL_")) and name != "AZURE_SPECS_DIR":
            del os.environ[name]
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ[loopback.VARIABLE] = str(_REPORT)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
    logs.keep()
    # How long an example takes says how busy the machine is.
    hypothesis.settings.register_profile("novacron", deadline=None)
    hypothesis.settings.load_profile("novacron")
    # Ignored where a shell runs the tests in its background; processes that tests start and interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    loopback.install()
    blocking.install(_report)


def pytest_unconfigure() -> None:
    blocking.remove()
    shutil.rmtree(_REPORT.parent)


def _guarded() -> Generator[None, object, object]:
    """Fail a phase of a test in which a guard saw something, also when the test went on as if nothing had happened."""
    try:
        result = yield
    finally:
        seen = _offences()
        if seen:
            pytest.fail("\n".join(dict.fromkeys(seen)), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _guarded())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _guarded())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    return (yield from _guarded())


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and not skips.is_allowed(report.nodeid):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _skipped:
        terminalreporter.section("skips that tests/skips.toml does not allow", red=True)
        for nodeid, reason in _skipped.items():
            terminalreporter.line(f"{nodeid}: {reason}")
