"""Compare the contract with that of the last tag: what breaks a caller needs a new package, not a new tag."""

import io
import pathlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable

from tools.rules import ROOT


def last_tag() -> str:
    """The newest version tag that this commit descends from; empty when there is none, or no git."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def verdict(run: Callable[..., tuple[bool, str]]) -> tuple[bool, str]:
    """Run `buf breaking` against the last tag."""
    tag = last_tag()
    if not tag:
        return True, "no version tag yet"
    command = ["git", "archive", "--format=zip", tag, "protos", "buf.yaml"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        before = pathlib.Path(folder)
        with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
            files.extractall(before)
        # No tag has google/*, but buf.yaml wants it where `make proto` stages it.
        shutil.copytree(ROOT / "build" / "googleapis", before / "build" / "googleapis")
        fine, text = run("buf", "breaking", "--against", folder)
    return fine, text or f"nothing breaks callers of {tag}"
