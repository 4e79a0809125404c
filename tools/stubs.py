"""Generate the stubs of the contract, offline; with --check, only tell whether those committed are up to date.

Used by `make proto` and `make check`. What Python's need comes from installed wheels: protoc and its Python generators
from grpcio-tools, the types of the gRPC stubs from mypy-protobuf, google/* from googleapis-common-protos. Go's are made
where Go is, with the generators that clients/go/go.mod names; buf.gen.yaml says how.
"""

import filecmp
import pathlib
import shutil
import subprocess
import sys
import tempfile

import google.rpc
import grpc_tools
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROTOS = ROOT / "protos"
STUBS = ROOT / "clients" / "python"
GO_STUBS = ROOT / "clients" / "go" / "cloudv1"
STAGED = ROOT / "build" / "googleapis"
WHEEL = pathlib.Path(next(iter(google.rpc.__path__))).parents[1]


def stage() -> None:
    """Copy google/api and google/rpc from the wheel to where buf looks for them."""
    for package in ("api", "rpc"):
        target = STAGED / "google" / package
        target.mkdir(parents=True, exist_ok=True)
        for proto in (WHEEL / "google" / package).glob("*.proto"):
            shutil.copyfile(proto, target / proto.name)


def generate(out: pathlib.Path) -> None:
    """Run protoc over the whole contract into `out`."""
    sources = sorted(str(p.relative_to(PROTOS)) for p in PROTOS.rglob("*.proto"))
    bundled = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    services = [s for s in sources if s.endswith("_service.proto")]
    includes = [f"-I{PROTOS}", f"-I{WHEEL}", f"-I{bundled}"]
    plugin = f"--plugin=protoc-gen-mypy_grpc={pathlib.Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}"
    runs = (
        [f"--python_out={out}", f"--pyi_out={out}", *sources],
        [f"--grpc_python_out={out}", *services],
        [plugin, f"--mypy_grpc_out={out}", *services],
    )
    for run in runs:
        if code := protoc.main(["protoc", *includes, *run]):
            raise SystemExit(f"protoc ended with {code}")


def generate_go(out: pathlib.Path) -> bool:
    """Run buf over the whole contract into `out`; False where Go, or a generator, is not to be had."""
    go = shutil.which("go")
    probe = ["list", "tool"]
    if go is None or subprocess.run([go, *probe], cwd=GO_STUBS.parent, capture_output=True, check=False).returncode:
        return False
    buf = pathlib.Path(sys.executable).parent / "buf"
    done = subprocess.run(
        [buf, "generate", "--output", out],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"Go stubs: {done.stdout.strip()}")
    return True


def python_files(root: pathlib.Path) -> set[str]:
    """Generated files of Python below `root`, relative to it."""
    return {str(p.relative_to(root)) for p in (root / "novacron").rglob("*_pb2*.py*") if "__pycache__" not in p.parts}


def go_files(root: pathlib.Path) -> set[str]:
    """Generated files of Go in `root`."""
    return {p.name for p in root.glob("*.pb.go")}


def stale(fresh: pathlib.Path, made: set[str], old: pathlib.Path, kept: set[str]) -> list[str]:
    """Files that differ, lack, or should not be there."""
    _, differ, missing = filecmp.cmpfiles(fresh, old, sorted(made), shallow=False)
    return sorted({*differ, *missing, *(kept - made)})


def replace(fresh: pathlib.Path, made: set[str], old: pathlib.Path, kept: set[str]) -> None:
    """Put the fresh files where the old ones are."""
    for name in kept - made:
        (old / name).unlink()
    for name in made:
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fresh / name, old / name)


def main() -> None:
    stage()
    with tempfile.TemporaryDirectory() as folder:
        python = pathlib.Path(folder, "python")
        python.mkdir()
        generate(python)
        parts = [(python, python_files(python), STUBS, python_files(STUBS))]
        go = pathlib.Path(folder, "go")
        has_go = generate_go(go)
        if has_go:
            made = go / GO_STUBS.relative_to(ROOT)
            parts.append((made, go_files(made), GO_STUBS, go_files(GO_STUBS)))
        count = sum(len(made) for _, made, _, _ in parts)
        note = "" if has_go else "; those of Go were left alone: no Go here, or not its modules"
        if "--check" in sys.argv:
            if found := [name for part in parts for name in stale(*part)]:
                raise SystemExit("stubs are not up to date, run `make proto`: " + ", ".join(found))
            print(f"{count} stubs are up to date{note}")
            return
        for part in parts:
            replace(*part)
        print(f"{count} stubs written{note}")


if __name__ == "__main__":
    main()
