"""Rules of this project that no other tool knows."""

import ast
import fnmatch
import pathlib
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIMIT = 500
FOLDERS = ("clients", "providers", "server", "sandbox", "tests", "tools")
GENERATED = "clients/python/novacron/*"
# Modules (and all below them) that only some files may import: an SDK costs hundreds of milliseconds and blocks, so
# it is reached through one file of each adapter; SQL has one home, where SQLAlchemy only defines and migrates. Tests
# and the sandbox may look behind the curtain.
ONLY_IN: dict[tuple[str, ...], tuple[str, ...]] = {
    ("boto3", "botocore", "azure", "msrest", "google.auth", "google.cloud"): (
        "providers/novacron_providers/*/client.py",
        "sandbox/*",
        "tests/*",
    ),
    ("moto", "flask", "werkzeug"): ("sandbox/*", "tests/*"),
    ("sqlite3", "psycopg"): ("server/novacron_server/state/*", "tests/*"),
    ("sqlalchemy", "alembic"): (
        "server/novacron_server/state/tables.py",
        "server/novacron_server/state/upgrade.py",
        "server/novacron_server/state/migrations/*",
        "tests/*",
        "tools/schema.py",
    ),
}


def hand_written(*patterns: str) -> list[pathlib.Path]:
    """Our own files, relative to the project: those at its top and below FOLDERS, without generated ones."""
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    found += [path for folder in FOLDERS for pattern in patterns for path in (ROOT / folder).rglob(pattern)]
    ours = sorted(path.relative_to(ROOT) for path in found if path.is_file())
    return [path for path in ours if not fnmatch.fnmatch(path.as_posix(), GENERATED)]


def python_files() -> list[pathlib.Path]:
    """Our own Python files."""
    return hand_written("*.py")


def long_files() -> list[str]:
    """Hand-written files over the limit; .proto files are exempt: a service is one file."""
    faults = []
    for path in hand_written("*.py", "*.sh", "*.toml", "*.md", "*.mako", "Makefile"):
        lines = len((ROOT / path).read_text().splitlines())
        if lines > LIMIT:
            faults.append(f"{path}: {lines} lines, {LIMIT} are allowed; split it by noun")
    return faults


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of each absolute import that can run, also inside functions; none that only mypy reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")):
            yield from imports(node)


def misplaced_imports() -> list[str]:
    """Imports, also those inside functions, of what has its place elsewhere."""
    faults = []
    for path in python_files():
        for line, name in imports(ast.parse((ROOT / path).read_text())):
            for modules, homes in ONLY_IN.items():
                inside = any(name == module or name.startswith(f"{module}.") for module in modules)
                if inside and not any(fnmatch.fnmatch(path.as_posix(), home) for home in homes):
                    faults.append(f"{path}:{line}: {name} may be imported only in {', '.join(homes)}")
    return faults
