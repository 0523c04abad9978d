"""`line-inspector config check` refuses a line whose frames do not fit into shared memory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pictures import save_picture

from line_inspector.commands import main
from line_inspector.line_file import read_line_file
from line_inspector.ring import PREFIX, SHM
from line_inspector.tracking.window import Reach, clipped

FRAME_PX = 256


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_command(cameras: int = 1, sections: str = "", belt: str = "", **settings: object) -> tuple[int, str, str]:
        camera = {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300, **settings}
        line_file = tmp_path / "line.yaml"
        line_file.write_text(
            f"line: test\nrecipe: tile\ndata_dir: data\nbelt: {{speed_mm_s: 250, {belt}}}\n"
            f"cameras: { ({f'c{i}': camera for i in range(cameras)}) }\n{sections}"
        )
        with pytest.raises(SystemExit) as ended:
            main(["config", "check", str(line_file)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_command


@pytest.fixture
def small_shm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A shared memory of 40 MB, which holds the rings of three cameras with frames of FRAME_PX. Needs root."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr("line_inspector.commands.config_startable.SHM", folder)
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_line_that_fits_is_told_its_ring(check: Callable[..., tuple[int, str, str]]) -> None:
    code, out, error = check(max_width_px=FRAME_PX, max_height_px=FRAME_PX)
    assert (code, error) == (0, "")
    assert "frame ring of 67 slots, 13 MB in /dev/shm" in out


def test_more_than_any_machine_has_is_refused_in_one_line(check: Callable[..., tuple[int, str, str]]) -> None:
    code, out, error = check(cameras=4, max_width_px=16_384, max_height_px=16_384, max_rate_hz=90)
    assert (code, out) == (2, "")
    assert error.startswith(f"error: {SHM}: the frame rings need 9")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("gate", "bound_hz", "told"),
    [
        ("{window_ms: 80}", 100, "shorter than 10 ms; it allows less than 100 Hz"),
        ("{window_ms: 4}", 250, "shorter than 4 ms; it allows less than 250 Hz"),
        ("{kind: modbus, host: plc, window_ms: 28}", 1000 / 28, "shorter than 28 ms; it allows less than 35.71 Hz"),
    ],
)
def test_a_rate_at_which_every_part_would_be_touching_is_refused_with_the_highest_that_is_not(
    check: Callable[..., tuple[int, str, str]], tmp_path: Path, gate: str, bound_hz: float, told: str
) -> None:
    small = {"max_width_px": FRAME_PX, "max_height_px": FRAME_PX}
    sections = f"decision: {{gate: {gate}}}\n"
    for rate_hz in (bound_hz, 1.2 * bound_hz):
        code, out, error = check(sections=sections, max_rate_hz=rate_hz, **small)
        assert (code, out) == (2, "")
        assert error.count("\n") == 1 and told in error and "camera c0" in error
    assert check(sections=sections, max_rate_hz=0.99 * bound_hz, **small)[0] == 0
    reach = Reach.of(read_line_file(tmp_path / "line.yaml").decision.gate)
    for rate_hz, has_window in ((bound_hz, False), (0.99 * bound_hz, True)):
        spacing_ns = int(1e9 / rate_hz)
        assert clipped(reach, 0, -spacing_ns, spacing_ns).reaches_around([0], reach.least_half_ns) is has_window


def test_a_cycle_of_the_counter_that_leaves_no_window_at_the_highest_rate_is_refused(
    check: Callable[..., tuple[int, str, str]],
) -> None:
    small = {"max_width_px": FRAME_PX, "max_height_px": FRAME_PX, "max_rate_hz": 19}
    source = "{kind: modbus, host: plc, address: 1, cycle_ms: %d}"
    code, out, error = check(belt=f"encoder: {{mm_per_count: 0.1, source: {source % 43}}}", **small)
    assert (code, out) == (2, "") and error.count("\n") == 1
    assert "belt.encoder.source.cycle_ms takes 43 ms of it; it allows less than 18.87 Hz" in error
    assert check(belt=f"encoder: {{mm_per_count: 0.1, source: {source % 42}}}", **small)[0] == 0


def test_the_rings_of_all_cameras_count_together(check: Callable[..., tuple[int, str, str]], small_shm: Path) -> None:
    assert check(cameras=2, max_width_px=FRAME_PX, max_height_px=FRAME_PX)[0] == 0
    code, _, error = check(cameras=4, max_width_px=FRAME_PX, max_height_px=FRAME_PX)
    assert code == 2
    assert "the frame rings need 54 MB, 42 MB are free" in error


def test_what_the_line_itself_occupies_counts_as_free(
    check: Callable[..., tuple[int, str, str]], small_shm: Path, tmp_path: Path
) -> None:
    """It may be checked while it runs: a camera removes its old ring before it makes another."""
    assert check(cameras=2, max_width_px=FRAME_PX, max_height_px=FRAME_PX)[0] == 0
    ring = f"{PREFIX}.{read_line_file(tmp_path / 'line.yaml').ring_owner}.c0.1.67x196608"
    for name, code in ((ring, 0), ("of another program", 2)):
        with (small_shm / name).open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 30_000_000)
        assert check(cameras=2, max_width_px=FRAME_PX, max_height_px=FRAME_PX)[0] == code
        (small_shm / name).unlink()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "simulated", "product": "widget"}, "unknown product 'widget'"),
        ({"kind": "folder"}, "its folder has no path"),
        ({"kind": "folder", "path": "nowhere"}, "no such folder"),
        ({"kind": "video", "path": "nothing.avi"}, "nothing.avi is missing"),
        ({"kind": "genicam", "producer": "nothing.cti"}, "nothing.cti is missing"),
        ({"kind": "genicam", "producer": "nothing.cti", "fetch_timeout_ms": 1200}, "fetch_timeout_ms"),
    ],
)
def test_a_camera_whose_station_could_not_start_is_refused(
    check: Callable[..., tuple[int, str, str]], source: dict[str, object], words: str
) -> None:
    code, out, error = check(source=source)
    assert (code, out) == (2, "")
    assert words in error and error.count("\n") == 1


def test_pictures_that_the_camera_would_reject_are_refused_with_the_keys_to_set(
    check: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    too_large = save_picture(tmp_path / "my-parts" / "test" / "good" / "1.png", np.zeros((768, 576, 3), np.uint8))
    (too_large.parent / "0.png").write_bytes(b"no picture: the line rejects it by name, and goes on")
    shown: dict[str, object] = {"source": {"kind": "folder"}, "sections": "simulation: {images: my-parts}\n"}
    code, out, error = check(max_width_px=512, max_height_px=512, **shown)
    assert (code, out) == (2, "") and error.count("\n") == 1
    assert error.startswith(f"error: {too_large}: is a picture of 576 x 768 x 3, and camera c0 takes at most 512 x 512")
    assert error.endswith("(bad_frame). Set max_width_px: 576, max_height_px: 768 of cameras.c0\n")
    assert check(max_width_px=576, max_height_px=768, **shown)[0] == 0
    own = {"kind": "folder", "path": str(too_large.parent)}
    code, _, error = check(source=own, max_width_px=576, max_height_px=767)
    assert code == 2 and "Set max_height_px: 768 of cameras.c0" in error
    assert check(source=own, max_width_px=576, max_height_px=768)[0] == 0


def test_what_no_command_has_a_word_for_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device", "/data/line.yaml")

    monkeypatch.setattr("line_inspector.commands.config.read_line_file", full)
    with pytest.raises(SystemExit) as ended:
        main(["config", "check", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: /data/line.yaml: No space left on device. Check path, permissions and disk\n"
    )


def test_known_defects_must_be_there_and_fit_the_camera(
    check: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    section = "challenge: {frames: known}\n"
    code, _, error = check(sections=section, max_width_px=64, max_height_px=64)
    assert code == 2 and "known/tile/c0" in error and "no such folder" in error
    save_picture(tmp_path / "known" / "tile" / "c0" / "scratch.png", np.zeros((80, 96), np.uint8))
    code, _, error = check(sections=section, max_width_px=64, max_height_px=64)
    assert code == 2 and "96 x 80 px" in error and error.count("\n") == 1
    assert check(sections=section, max_width_px=96, max_height_px=80)[0] == 0


def test_a_looped_back_challenge_takes_somebody_who_sees_it(check: Callable[..., tuple[int, str, str]]) -> None:
    code, _, error = check(sections="challenge: {frames: known, loop_back: true}\n")
    assert code == 2 and "bin_sensor" in error


@pytest.mark.parametrize(("to_gate_mm", "startable"), [(21, False), (29, False), (31, True)])
def test_a_line_that_would_reject_every_part_for_its_gap_is_refused(
    check: Callable[..., tuple[int, str, str]], to_gate_mm: float, startable: bool
) -> None:
    code, _, error = check(to_gate_mm=to_gate_mm, max_width_px=FRAME_PX, max_height_px=FRAME_PX)
    assert (code == 0) is startable
    assert startable or ("gap_unknown" in error and error.count("\n") == 1)


COUNTER = "{kind: opcua, endpoint: opc.tcp://192.0.2.1, node_id: NODE}"


def test_an_encoder_that_nobody_counts_is_refused(check: Callable[..., tuple[int, str, str]]) -> None:
    belt = "encoder: {mm_per_count: 0.05}"
    code, out, error = check(belt=belt)
    assert (code, out) == (2, "") and error.count("\n") == 1
    assert error.startswith("error: belt.encoder: has no source, and no simulated world counts: every part")
    code, out, _ = check(belt=belt, sections="simulation: {}")
    assert code == 0 and "encoder: 5000 counts per second at speed_mm_s, counted by the simulated world" in out


def test_where_the_count_is_read_is_told_and_a_node_that_is_none_is_refused(
    check: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, _ = check(belt=f"encoder: {{mm_per_count: 0.05, source: {COUNTER.replace('NODE', 'ns=3;s=count')}}}")
    assert code == 0 and "read from node ns=3;s=count at opc.tcp://192.0.2.1" in out
    for node in ("count", "ns=65536;i=5", "ns=3;i=4294967296", "ns=-3;i=5", "i=-5"):
        code, out, error = check(belt=f"encoder: {{mm_per_count: 0.05, source: {COUNTER.replace('NODE', node)}}}")
        assert (code, out) == (2, "") and error.count("\n") == 1
        assert f"belt.encoder.source.node_id {node}: is no node id" in error


def test_a_counter_whose_package_is_missing_is_refused_in_one_line(
    check: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncua", None)
    code, out, error = check(belt=f"encoder: {{mm_per_count: 0.05, source: {COUNTER.replace('NODE', 'i=1')}}}")
    assert (code, out) == (2, "") and error.count("\n") == 1
    assert "asyncua is not installed" in error and "line-inspector[plc]" in error
