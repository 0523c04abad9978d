"""The tables for people, and the picture, from measurements that are made up."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from line_inspector.bench.capacity import capacity
from line_inspector.bench.engine_table import BatchSpeed
from line_inspector.bench.line_table import CameraRow, LineTable, Saturation
from line_inspector.bench.measurement import Measurement
from line_inspector.bench.roofline import Roofline
from line_inspector.bench.timing import Spread
from line_inspector.bench.transport import Transport
from line_inspector.commands.bench_picture import COLOURS, write_picture
from line_inspector.commands.bench_words import in_words

HOPS = {"camera": 1.0, "queue": 2.0, "inference": 20.0, "verdict": 1.0, "decision": 9.0, "gate": 1.5}
ROWS = [
    CameraRow(1, 40.0, True, Spread(60, 34.5, 50.0, 61.0), HOPS, [(45.0, 2, 60, {"no_verdict": 2}), (40.0, 0, 60, {})]),
    CameraRow(2, None, False, None, {}, [(40.0, 7, 60, {"skipped_late": 7})]),
]
MEASURED = Measurement(
    machine="a machine",
    model="a model",
    runtime="torch",
    threads=1,
    max_batch=2,
    frame=(1944, 2592),
    recipe="cap",
    engine=[
        BatchSpeed(1, 50, 20.0, 25.0, 50.0, None, 1.0, 18.5, 0.5),
        BatchSpeed(2, 50, 30.0, 35.0, 66.7, 0.2, 1.0, 28.5, 0.5),
    ],
    transport=Transport(
        (1944, 2592), 9, 1000.0, 5.0e9, 6.0e9, 0.9e9, 0.83, 5.6,
        Spread(300, 0.8, 1.4, 2.0), Spread(300, 7.0, 11.0, 12.0), 0.99,
    ),
    roofline=Roofline("CPU", "OpenVINO", 1, 1e11, 1e10, 4 * 10**9, 3 * 10**8, "matrix products", 25.0, 20.0, 0.8),
    line=LineTable(Saturation(65.0, 47.0, 50.0, {1: 200}, 0.94), ROWS),
    capacity=capacity(ROWS, 4.0, "cap"),
)  # fmt: skip


def test_the_document_has_what_a_script_looks_for() -> None:
    told = MEASURED.document()
    assert told["line"]["throughput_over_engine"] == 0.94
    assert told["line"]["cameras"][0]["tried"][0] == {
        "rate_hz": 45.0, "lost": 2, "parts": 60, "reasons": {"no_verdict": 2},
    }  # fmt: skip
    transport = told["transport"]
    assert (transport["over_memcpy"], transport["over_zeromq_copy"], transport["p99_ms"]) == (0.83, 5.6, 1.4)
    assert told["engine"]["batches"][1]["images_per_s"] == 66.7
    assert told["roofline"]["fraction"] == 0.8
    assert told["capacity"]["cameras"] == 1


def test_a_line_that_inspected_nothing_has_a_document_all_the_same() -> None:
    document = MEASURED.__class__(**{**MEASURED.__dict__, "line": LineTable(None, ROWS[1:])}).document()
    assert document["line"]["throughput_over_engine"] is None
    assert document["line"]["saturation"] is None


def test_people_read_the_answer_first_and_every_number() -> None:
    text = in_words(MEASURED)
    assert text.startswith("This machine serves")
    for shown in ("0.94", "0.83 of memcpy", "5.6 times ZeroMQ", "80% of that", "40.0 (cameras' limit)", "61.0", "66.7"):
        assert shown in text
    assert "2 at 40.0 parts/s: 7 of 60 without a verdict in time (7 skipped_late)." in text


@pytest.mark.parametrize(("fraction", "shown"), [(0.8, "80% of that."), (1.24, "124% of that: more than all")])
def test_more_than_all_of_the_roofline_is_explained(fraction: float, shown: str) -> None:
    roofline = replace(MEASURED.roofline, fraction=fraction)
    assert shown in in_words(replace(MEASURED, roofline=roofline))


def test_the_picture_stacks_every_hop(tmp_path: Path) -> None:
    write_picture(tmp_path / "latency.png", ROWS)
    with Image.open(tmp_path / "latency.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
    assert {tuple(bytes.fromhex(colour[1:])) for colour in COLOURS} <= colours


def test_a_picture_of_nothing_says_so(tmp_path: Path) -> None:
    write_picture(tmp_path / "latency.png", ROWS[1:])
    assert (tmp_path / "latency.png").stat().st_size > 0
