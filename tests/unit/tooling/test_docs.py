"""The tables of docs/: made from the adapters, and read here a second time against them."""

import pathlib
import re

from tools import docs


def rows(name: str, section: str) -> list[list[str]]:
    """Cells of the table below a heading of a document, its head first."""
    text = (docs.DOCS / name).read_text(encoding="utf-8").partition(section)[2]
    lines = [line for line in text.partition("\n#")[0].splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines if "---" not in line]


def test_the_documents_are_up_to_date(tmp_path: pathlib.Path) -> None:
    assert docs.stale(docs.DOCS) == []
    (tmp_path / "metrics.md").write_text("what was true once")
    assert docs.stale(tmp_path) == ["metrics.md", "states.md"]


def test_the_table_of_metrics_is_what_the_adapters_describe() -> None:
    clouds = docs.descriptors()
    assert [*clouds] == ["aws", "azure", "gcp"]
    table = rows("metrics.md", "## Canonical metrics")[1:]
    every = {name for found in clouds.values() for name in found if name.startswith("cloud.")}
    assert [row[0] for row in table] == sorted(every)
    for name, unit, kind, *cells in table:
        for cell, found in zip(cells, clouds.values(), strict=True):
            if name not in found:
                assert cell == "absent"
                continue
            one = found[name]
            assert (one.unit, docs.kind_of(one)) == (unit, kind)
            told = re.fullmatch(r"(?P<native>.+)` (?P<unit>\S+), (?:× (?P<scale>\S+)|÷ (?P<per>period)|as it is)", cell)
            assert told is not None, cell
            assert (told["native"], told["unit"]) == (one.native.metric, one.native.unit)
            assert float(told["scale"] or 1) == one.native.scale and bool(told["per"]) == one.native.per_second


def test_the_table_of_periods_has_each_source() -> None:
    told = {(row[1], row[2], row[3]) for row in rows("metrics.md", "## Period and delay")[1:]}
    expected = {
        (one.native.namespace, f"{one.min_period.seconds} s", f"{one.publish_delay.seconds} s")
        for found in docs.descriptors().values()
        for one in found.values()
    }
    assert told == expected
