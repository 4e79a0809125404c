"""Generate the Python stubs of the contract, offline; with --check, only tell whether those committed are up to date.

Used by `make proto` and `make check`. Everything comes from installed wheels: protoc and its Python generators from
grpcio-tools, the types of the gRPC stubs from mypy-protobuf, google/* from googleapis-common-protos.
"""

import filecmp
import pathlib
import shutil
import sys
import tempfile

import google.rpc
import grpc_tools
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROTOS = ROOT / "protos"
STUBS = ROOT / "clients" / "python"
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


def files(root: pathlib.Path) -> set[pathlib.Path]:
    """Generated files below `root`, relative to it."""
    return {p.relative_to(root) for p in (root / "novacron").rglob("*_pb2*.py*") if "__pycache__" not in p.parts}


def main() -> None:
    stage()
    with tempfile.TemporaryDirectory() as folder:
        fresh = pathlib.Path(folder)
        generate(fresh)
        if "--check" in sys.argv:
            made, kept = files(fresh), files(STUBS)
            _, differ, missing = filecmp.cmpfiles(fresh, STUBS, [str(p) for p in made], shallow=False)
            stale = sorted({*differ, *missing, *(str(p) for p in kept - made)})
            if stale:
                raise SystemExit("stubs are not up to date, run `make proto`: " + ", ".join(stale))
            print(f"{len(made)} stubs are up to date")
            return
        for old in files(STUBS):
            (STUBS / old).unlink()
        shutil.copytree(fresh / "novacron", STUBS / "novacron", dirs_exist_ok=True)
        print(f"{len(files(STUBS))} stubs written")


if __name__ == "__main__":
    main()
