"""Run every check of `make check`, two at a time, one line for each; names as arguments run only those.

A check that fails does not keep the others from running; what it said comes below its line.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tools import breaking, rules

BIN = os.path.dirname(sys.executable)
Verdict = tuple[bool, str]


def run(*command: str) -> Verdict:
    """Run a command of .venv: whether it ended well, and what it said."""
    done = subprocess.run(
        [os.path.join(BIN, command[0]), *command[1:]],
        cwd=rules.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout.strip()


def mypy() -> Verdict:
    """Types, and that no hand-written file escapes: mypy leaves out silently what its configuration does not reach."""
    fine, text = run("mypy")
    read = re.search(r"in (\d+) source files", text)
    there = len(rules.python_files())
    if fine and (read is None or int(read[1]) != there):
        return False, f"{text}\nbut there are {there} hand-written files: see [tool.mypy] files in pyproject.toml"
    return fine, text


def stubs() -> Verdict:
    """Stubs and google/* as the contract has them now; stages what buf reads, so it comes before buf."""
    return run("python", "-m", "tools.stubs", "--check")


def faults(found: list[str], fine: str) -> Verdict:
    """The verdict of a rule of our own."""
    return not found, "\n".join(found) or fine


CHECKS: dict[str, Callable[[], Verdict]] = {
    "stubs": stubs,
    "calls": lambda: run("python", "-m", "tools.calls", "--check"),
    "docs": lambda: run("python", "-m", "tools.docs", "--check"),
    "schema": lambda: run("python", "-m", "tools.schema", "--check"),
    "ruff": lambda: run("ruff", "check", "--quiet", "."),
    "format": lambda: run("ruff", "format", "--check", "."),
    "mypy": mypy,
    "arrows": lambda: run("lint-imports", "--no-logo"),
    "sdks": lambda: faults(rules.misplaced_imports(), "cloud SDKs and SQL stay where they belong"),
    "length": lambda: faults(rules.long_files(), f"no hand-written file over {rules.LIMIT} lines"),
    "buf-lint": lambda: run("buf", "lint"),
    "buf-format": lambda: run("buf", "format", "--diff", "--exit-code", "protos"),
    "buf-breaking": lambda: breaking.verdict(run),
}


def judge(name: str) -> bool:
    """Run one check and tell about it."""
    start = time.monotonic()
    fine, text = CHECKS[name]()
    note = text.splitlines()[-1] if fine and text else ""
    line = f"{'ok  ' if fine else 'FAIL'}  {name:<13} {time.monotonic() - start:5.1f} s  {note}".rstrip()
    print(line if fine else f"{line}\n{text}\n", flush=True)
    return fine


def main() -> None:
    names = sys.argv[1:] or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        raise SystemExit(f"no such check: {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    # buf reads what this one stages.
    first = [judge(name) for name in names if name == "stubs"]
    with ThreadPoolExecutor(max_workers=2) as pool:
        rest = list(pool.map(judge, [name for name in names if name != "stubs"]))
    verdicts = first + rest
    print(f"{verdicts.count(True)} of {len(verdicts)} checks passed")
    raise SystemExit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
