"""The wheel: what is in it, and that nobody installs more than they use."""

import ast
import os
import pathlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import rules

ROOT = pathlib.Path(__file__).parents[3]
# Root of each package, and the extras that someone who uses it installs; none is the client.
PACKAGES = {
    "clients/python/novacron": (),
    "clients/python/novacron_client": (),
    "clients/cli/novacron_cli": ("cli",),
    "providers/novacron_providers/contract": ("providers",),
    "providers/novacron_providers/kit": ("providers",),
    "providers/novacron_providers/aws": ("aws",),
    "providers/novacron_providers/azure": ("azure",),
    "providers/novacron_providers/gcp": ("gcp",),
    "server/novacron_server": ("server",),
    "sandbox/novacron_sandbox": ("sandbox",),
}
# Imported only by what says that it needs it.
OPTIONAL = {"clients/python/novacron_client": {"numpy"}, "server/novacron_server": {"psycopg"}}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def closure(*extras: str) -> set[str]:
    """Distributions that an install with these extras brings, without our own."""
    seen: set[tuple[str, str]] = set()
    todo = [("novacron-cloud", extra) for extra in ("", *extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(need.name), inner) for inner in ("", *need.extras)]
    return {name for name, _ in seen} - {"novacron-cloud"}


def third_party_imports(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, str]]:
    """Top-level modules that the files below a folder import and that are neither ours nor Python's."""
    for path in folder.rglob("*.py"):
        for _, name in rules.imports(ast.parse(path.read_text())):
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and not top.startswith("novacron"):
                yield path.relative_to(ROOT), top


def test_the_wheel_holds_every_file_of_every_package_and_nothing_else(wheel: pathlib.Path) -> None:
    expected = set()
    for root in (ROOT / parent for parent in ("clients/python", "clients/cli", "providers", "server", "sandbox")):
        files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        expected |= {path.relative_to(root).as_posix() for path in files}
    packed = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    assert {name for name in packed if ".dist-info/" not in name} == expected
    assert {name.partition("/")[0] for name in packed if name.endswith("py.typed")} == {
        name.partition("/")[0] for name in expected
    }


def test_the_wheel_says_what_it_is(wheel: pathlib.Path) -> None:
    (info,) = wheel.glob("*.dist-info")
    entry_points = (info / "entry_points.txt").read_text()
    assert "novacron-cloud = novacron_cli.main:main" in entry_points
    assert "[novacron_cloud.providers]\naws = novacron_providers.aws:PROVIDER" in entry_points
    assert (info / "licenses" / "LICENSE").is_file()
    text = (info / "METADATA").read_text()
    bare = [line for line in re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE) if "extra ==" not in line]
    assert {Requirement(line).name for line in bare} == {"googleapis-common-protos", "grpcio", "protobuf"}


def run(wheel: pathlib.Path, folder: pathlib.Path, extras: tuple[str, ...], *arguments: str) -> tuple[int, str, str]:
    """Run Python on a machine that looks as if only the wheel with these extras had been installed."""
    for name in closure(*extras):
        distribution = metadata.distribution(name)
        for file in distribution.files or []:
            link, there = folder / file, pathlib.Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and there.is_file():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(there)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(wheel), str(folder)])}
    # -S leaves out site-packages.
    command = [sys.executable, "-S", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_client_needs_nothing_but_its_own_dependencies(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    code = "import novacron_client, sys; print(novacron_client.__file__, *{name.split('.')[0] for name in sys.modules})"
    status, output, errors = run(wheel, tmp_path, (), "-c", code)
    assert status == 0, errors
    where, *loaded = output.split()
    assert pathlib.Path(where).is_relative_to(wheel)
    assert {name for name in loaded if name.startswith("novacron")} == {"novacron", "novacron_client"}


@pytest.mark.parametrize(
    ("extras", "arguments", "missing"),
    [((), ["--help"], "cli"), (("cli",), ["serve"], "server")],
)
def test_the_command_says_which_extra_is_missing(
    wheel: pathlib.Path, tmp_path: pathlib.Path, extras: tuple[str, ...], arguments: list[str], missing: str
) -> None:
    status, _, errors = run(wheel, tmp_path, extras, "-m", "novacron_cli", *arguments)
    assert status != 0
    assert f"novacron-cloud[{missing}]" in errors
    assert "Traceback" not in errors


def test_the_command_alone_needs_no_server(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    status, output, errors = run(wheel, tmp_path, ("cli",), "-m", "novacron_cli", "instances", "--help")
    assert status == 0, errors
    assert "create" in output


@pytest.mark.parametrize(("package", "extras"), PACKAGES.items(), ids=PACKAGES)
def test_the_extras_of_a_package_bring_what_it_imports(package: str, extras: tuple[str, ...]) -> None:
    brought, makers = closure(*extras), metadata.packages_distributions()
    for path, module in third_party_imports(ROOT / package):
        if module in OPTIONAL.get(package, ()):
            continue
        origins = {canonicalize_name(name) for name in makers.get(module, [])}
        assert origins & brought, f"{path} imports {module}, which {extras or 'the bare install'} does not bring"


def test_every_package_is_looked_at() -> None:
    roots = [
        ROOT / parent
        for parent in ("clients/python", "clients/cli", "server", "sandbox", "providers/novacron_providers")
    ]
    there = {path.parent.relative_to(ROOT).as_posix() for root in roots for path in root.glob("*/__init__.py")}
    assert there == set(PACKAGES) - {"clients/python/novacron"}
