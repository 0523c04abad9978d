"""A line whose frames two workers share, one of them over tcp: losing either loses no part."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from line_under_test import LineUnderTest, assert_nothing_slipped_through
from loopback import free_port
from remote_worker import RemoteWorker, make_keys
from two_hosts import WORKER_ADDRESS, TwoHosts, hours_off, require_namespaces

from line_inspector.bus import Bus
from line_inspector.inference.model_directory import write_model_directory
from line_inspector.messages import Health
from line_inspector.streams import HEALTH


def write_lenient_model(folder: Path, version: str, build_tiny_model: Any, draw_frame: Any) -> Path:
    """A quick model that finds nothing wrong with any part: what is rejected then is rejected for another reason."""
    write_model_directory(
        folder / version,
        build_tiny_model(),
        threshold=0.9999,
        golden_frames=[draw_frame(1), np.dstack([draw_frame(2), draw_frame(3), draw_frame(4)])],
        version=version,
        calibration={"images": 2},
        lineage={"parent": None},
        metrics={},
    )
    return folder / version


@pytest.fixture(scope="module")
def lenient_model_dir(tmp_path_factory: pytest.TempPathFactory, build_tiny_model: Any, draw_frame: Any) -> Path:
    return write_lenient_model(tmp_path_factory.mktemp("lenient"), "one", build_tiny_model, draw_frame)


@pytest.fixture(scope="module")
def second_lenient_model_dir(tmp_path_factory: pytest.TempPathFactory, build_tiny_model: Any, draw_frame: Any) -> Path:
    return write_lenient_model(tmp_path_factory.mktemp("lenient"), "two", build_tiny_model, draw_frame)


STARVED = {"late_trigger", "skipped_late", "no_verdict"}  # what a busy test machine does to a few parts
Shared = tuple[LineUnderTest, RemoteWorker]


def shared_line(
    folder: Path, model_dir: Path, address: str, *, near: bool = True, prefix: list[str] | None = None
) -> Shared:
    """A line with a worker far at the address, and one near, here, unless it shall do without; nothing runs yet."""
    line = LineUnderTest(folder, model_dir)
    line.left_out = {"overlay", "trainer", "inference#2"}
    make_keys(folder / "keys", "far")
    workers: dict[str, Any] = {"far": {"host": f"tcp://{address}", "keys": "keys"}}
    if near:
        workers["near"] = {"host": "local"}
    line.document["inference"] = {"workers": workers}
    line.document["simulation"]["rate_hz"] = 5
    line.document["cameras"]["top"] |= {"to_gate_mm": 500, "max_rate_hz": 5}  # time enough for a busy test machine
    return line, RemoteWorker("far", folder / "far", line.document, model_dir, prefix or [])


@pytest.fixture
def shared(tmp_path: Path, lenient_model_dir: Path) -> Iterator[Shared]:
    """Workers near, and far over loopback, with a clock that is hours ahead where such a thing can be made."""
    line, far = shared_line(tmp_path, lenient_model_dir, f"127.0.0.1:{free_port()}", prefix=hours_off(10))
    yield line, far
    far.stop()
    line.stop()


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    """Two namespaces and a cable that takes 20 ms in either direction and loses one packet in twenty."""
    require_namespaces()
    two_hosts = TwoHosts(delay_ms=20, loss=0.05)
    yield two_hosts
    two_hosts.close()


def counters(line: LineUnderTest) -> Counter[str]:
    """What the inference station counts, by its next word."""
    health = Bus(line.line.sockets_dir).subscriber(HEALTH, Health, ("inference",))
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        for seen in health.drain():
            health.close()
            return Counter(seen.counters | {"serving": seen.state == "serving"})
        time.sleep(0.02)
    raise AssertionError(line.log())


def until(line: LineUnderTest, what: Any, timeout_s: float = 30) -> None:
    end_s = time.monotonic() + timeout_s
    while not what(counters(line)):
        assert time.monotonic() < end_s, f"{counters(line)}\n{line.log()}"


def start(line: LineUnderTest, far: RemoteWorker, seconds: int) -> None:
    """Parts are on the belt, and every worker has been given some."""
    far.start()
    line.start()
    names = line.document["inference"]["workers"]
    until(line, lambda seen: seen["serving"])
    line.start_world("--seconds", str(seconds))
    until(line, lambda seen: all(seen.get(f"given.{name}", 0) > 2 for name in names))


def taken_over(seen: Counter[str]) -> int:
    """How many frames of one worker the other has been given, too."""
    return seen["sent_again"] + seen["asked_again"]


def given_to_far_again(line: LineUnderTest) -> None:
    """Waits until far gets frames, from now on."""
    before = counters(line).get("given.far", 0)
    until(line, lambda seen: seen.get("given.far", 0) > before + 2)


def assert_all_inspected(line: LineUnderTest) -> None:
    """No part was lost, none accepted uninspected, and all of it happened in the order of the line's clock."""
    assert_nothing_slipped_through(line)
    ledger = line.ledger().values()
    reasons = Counter(part.reason for part in ledger)
    assert reasons.keys() <= {"good", *STARVED}, f"a part was lost: {reasons}\n{line.log()}"
    assert reasons["good"] >= reasons.total() - 3, f"{reasons}\n{line.log()}"
    for part in ledger:
        if part.reason in STARVED:
            continue
        assert part.trigger_ns <= part.captured_ns <= part.inference_start_ns <= part.inference_end_ns
        assert part.inference_end_ns <= part.verdict_ns <= part.decided_ns <= part.deadline_ns


def reasons_of(line: LineUnderTest) -> Counter[str]:
    assert_nothing_slipped_through(line)
    return Counter(part.reason for part in line.ledger().values())


def test_two_workers_share_a_line_and_the_death_of_one_loses_no_part(shared: Shared) -> None:
    line, far = shared
    start(line, far, 60)
    before = taken_over(counters(line))
    far.signal(signal.SIGSTOP)  # it takes what it is given, and answers nothing any more
    until(line, lambda seen: taken_over(seen) > before)
    far.kill()
    far.start()
    given_to_far_again(line)
    line.stop_world()
    assert_all_inspected(line)


@pytest.mark.slow
def test_a_cable_that_delays_and_loses_is_cut_and_mended(
    hosts: TwoHosts, tmp_path: Path, lenient_model_dir: Path
) -> None:
    """The other worker takes over what was under way, and the one behind the cable comes back."""
    assert hosts.round_trip_ms() > 35
    line, far = shared_line(tmp_path, lenient_model_dir, f"{WORKER_ADDRESS}:5570", prefix=hosts.on("worker"))
    line.prefix = tuple(hosts.on("line"))
    try:
        start(line, far, 60)
        before = taken_over(counters(line))
        hosts.cut()
        until(line, lambda seen: taken_over(seen) > before)
        time.sleep(3)
        hosts.mend()
        given_to_far_again(line)
        time.sleep(2)
        line.stop_world()
        reasons = reasons_of(line)
        assert set(reasons) <= {"good", "skipped_late", "no_verdict"}, f"{reasons}\n{line.log()}"
        assert reasons["good"] > 0.95 * reasons.total(), f"{reasons}\n{line.log()}"
    finally:
        far.stop()
        line.stop()


@pytest.mark.slow
def test_a_line_whose_only_worker_is_elsewhere_rejects_while_it_is_away(
    hosts: TwoHosts, tmp_path: Path, lenient_model_dir: Path
) -> None:
    prefix = [*hosts.on("worker"), *hours_off(5)]
    line, far = shared_line(tmp_path, lenient_model_dir, f"{WORKER_ADDRESS}:5570", near=False, prefix=prefix)
    line.prefix = tuple(hosts.on("line"))
    try:
        start(line, far, 60)
        far.kill()
        until(line, lambda seen: not seen["serving"])
        time.sleep(1)
        far.start()
        given_to_far_again(line)
        time.sleep(2)
        hosts.cut()
        until(line, lambda seen: not seen["serving"])
        hosts.mend()
        given_to_far_again(line)
        time.sleep(2)
        line.stop_world()
        reasons = reasons_of(line)
        assert reasons["worker_down"] > 5 and reasons["good"] > 10, reasons
    finally:
        far.stop()
        line.stop()


@pytest.mark.slow
def test_a_swap_reaches_the_worker_or_its_parts_are_rejected(shared: Shared, second_lenient_model_dir: Path) -> None:
    """A rollback on the line's host: who has the model goes on without a gap; who has not is passed by."""
    line, far = shared
    two = second_lenient_model_dir
    start(line, far, 60)
    line.registry.publish(two)
    until(line, lambda _seen: any(part.model_version == "two" for part in line.ledger().values()))
    before = counters(line)["given.far"]
    time.sleep(2)
    assert counters(line)["given.far"] - before <= 2, "far has only the old model, and near the new one"
    far.registry.publish(two)
    given_to_far_again(line)
    line.stop_world()
    assert_all_inspected(line)
    assert {part.model_version for part in line.ledger().values()} == {"one", "two"}


@pytest.mark.slow
def test_a_worker_with_another_model_inspects_nothing(
    tmp_path: Path, lenient_model_dir: Path, second_lenient_model_dir: Path
) -> None:
    line, far = shared_line(tmp_path, lenient_model_dir, f"127.0.0.1:{free_port()}", near=False)
    try:
        line.start(with_model=False)
        line.registry.publish(second_lenient_model_dir)
        far.start()
        time.sleep(2)
        line.start_world("--seconds", "3")
        line.finish_world()
        assert reasons_of(line).keys() <= {"wrong_model", "worker_down"}
        assert "wrong_model" in reasons_of(line)
    finally:
        far.stop()
        line.stop()
