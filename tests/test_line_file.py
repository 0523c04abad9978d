import random
import re
from pathlib import Path

import pytest

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file, write_document

ROOT = Path(__file__).parent.parent
GOOD = """\
line: example
recipe: disc
data_dir: data
belt:
  speed_mm_s: 250
cameras:
  top:
    source:
      kind: simulated
      width_px: 256
    trigger:
      kind: line
    to_gate_mm: 300
simulation:
  rate_hz: 4
"""
MUTATIONS = 1500
NESTED_ANCHORS = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{p: *a{i - 1}, q: *a{i - 1}}}\n" for i in range(1, 60))


def read(tmp_path: Path, text: str | bytes) -> Line:
    path = tmp_path / "line.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_line_file(path)


def complaint(tmp_path: Path, text: str | bytes) -> tuple[int, str]:
    """(line of the file, or 0 where none is named; the whole complaint, which must be one line)."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path / "line.yaml"))
    place = re.match(r":(\d+): ", message.removeprefix(str(tmp_path / "line.yaml")))
    return int(place[1]) if place else 0, message


def test_relative_paths_start_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "kind: folder\n      path: ../parts"
    (tmp_path / "plant").mkdir()
    monkeypatch.chdir("/")
    line = read(tmp_path / "plant", GOOD.replace("kind: simulated\n      width_px: 256", source))
    assert line.data_dir == tmp_path / "plant" / "data"
    assert line.cameras["top"].source.path == tmp_path / "parts"


def test_absolute_and_home_paths_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    assert read(tmp_path, GOOD.replace("data_dir: data", "data_dir: /var/lib/x")).data_dir == Path("/var/lib/x")
    assert read(tmp_path, GOOD.replace("data_dir: data", "data_dir: ~/x")).data_dir == Path("/home/operator/x")


@pytest.mark.parametrize(
    ("good", "bad", "line", "key", "nearest"),
    [
        ("data_dir: data", "data_dri: data", 3, "data_dri", "data_dir"),
        ("speed_mm_s", "speed_mms", 5, "belt.speed_mms", "speed_mm_s"),
        ("    to_gate_mm", "    to_gate", 13, "cameras.top.to_gate", "to_gate_mm"),
        ("width_px", "widht_px", 10, "cameras.top.source.widht_px", "width_px"),
        ("rate_hz", "rate", 15, "simulation.rate", "rate_hz"),
        ("kind: line", "kind: line\n      rate: 4", 13, "cameras.top.trigger.rate", "kind"),
        ("simulation:", "decision: {gate: {windw_ms: 3}}\nsimulation:", 14, "decision.gate.windw_ms", "window_ms"),
    ],
)
def test_a_misspelt_key_gets_the_nearest_name_and_its_line(
    tmp_path: Path, good: str, bad: str, line: int, key: str, nearest: str
) -> None:
    found, message = complaint(tmp_path, GOOD.replace(good, bad))
    assert found == line
    assert f"unknown key '{key}'" in message
    assert message.endswith(f"Did you mean '{nearest}'?")


@pytest.mark.parametrize("camera", ["trigger", "source", "simulated", "to_gate_mm", "cameras"])
def test_a_camera_may_be_called_like_a_key(tmp_path: Path, camera: str) -> None:
    text = GOOD.replace("  top:", f"  {camera}:")
    assert list(read(tmp_path, text).cameras) == [camera]
    assert complaint(tmp_path, text.replace("to_gate_mm: 300", "to_gate_mm: -1"))[0] == 13
    line, message = complaint(tmp_path, text.replace("width_px: 256", "widht_px: 256"))
    assert line == 10
    assert f"'cameras.{camera}.source.widht_px'" in message
    assert "'width_px'?" in message


@pytest.mark.parametrize(
    ("good", "bad", "line", "words"),
    [
        ("speed_mm_s: 250", "speed_mm_s: 0", 5, "'belt.speed_mm_s': Input should be greater than or equal to 0.1"),
        ("speed_mm_s: 250", "speed_mm_s: 1e-300", 5, "greater than or equal to 0.1"),
        ("speed_mm_s: 250", "speed_mm_s: 1.0e-300", 5, "greater than or equal to 0.1"),
        ("speed_mm_s: 250", "speed_mm_s: .nan", 5, "belt.speed_mm_s"),
        ("speed_mm_s: 250", "speed_mm_s: .inf", 5, "less than or equal to 20000"),
        ("speed_mm_s: 250", "speed_mm_s: fast", 5, "should be a valid number"),
        ("speed_mm_s: 250", "speed_mm_s: [250]", 5, "should be a valid number"),
        ("width_px: 256", "width_px: 5000", 10, "less than or equal to 4096"),
        ("width_px: 256", "width_px: 256.5", 10, "cameras.top.source.width_px"),
        ("kind: simulated", "kind: simulatd", 8, "'folder', 'video', 'genicam', 'simulated'"),
        ("kind: simulated\n", "product: disc\n", 8, "key 'cameras.top.source.kind' is missing"),
        ("kind: simulated", "kind: rate", 8, "cameras.top.source"),
        ("line: example", "line: my line", 1, "'line': String should match pattern"),
        ("line: example", "line: ../up", 1, "'line'"),
        ("  top:", "  to/p:", 7, "cameras.to/p"),
        ("  top:", "  3:", 7, "cameras.3"),
        ("belt:\n  speed_mm_s: 250", "belt:", 4, "'belt'"),
        ("belt:\n  speed_mm_s: 250", "belt: [1, 2]", 4, "'belt'"),
        ("    to_gate_mm: 300", "", 7, "key 'cameras.top.to_gate_mm' is missing"),
        ("recipe: disc", "", 1, "key 'recipe' is missing"),
        ("data_dir: data", 'data_dir: "a\\0b"', 3, "NUL"),
        ("data_dir: data", 'data_dir: "a\\ud800b"', 3, "'data_dir': Input is not a valid path"),
        ("recipe: disc", 'recipe: "\\ud800"', 2, "'recipe': a text holds half of a character"),
        ("simulation:", 'records: {ledger: "\\udfff"}\nsimulation:', 14, "'records.ledger': a text holds half of"),
        ("simulation:", f"records: {{ledger: {'x' * 5000}}}\nsimulation:", 14, "at most 4096 characters"),
        ("data_dir: data", "data_dir: ~nobody-of-this-name/x", 3, "home"),
        ("simulation:", "training: {at: 25:00}\nsimulation:", 14, "training.at"),
        (
            "simulation:",
            "training:\n  at: 22:30\nsimulation:",
            15,
            'without quotes as a number, here 1350; write at: "22:30"',
        ),
        (
            "simulation:",
            "training:\n  at: 22:30:00\nsimulation:",
            15,
            'without quotes as a number, here 81000; write at: "',
        ),
        ("simulation:", "overlay: {port: 65536}\nsimulation:", 14, "less than or equal to 65535"),
        ("to_gate_mm: 300", "to_gate_mm: 20", 1, "camera top leaves no time to decide"),
        ("speed_mm_s: 250", "speed_mm_s: 0.08", 5, "greater than or equal to 0.1"),
        ("to_gate_mm: 300", "to_gate_mm: 300\n    max_rate_hz: 1.0e-300", 14, "greater than or equal to 0.001"),
        (
            "to_gate_mm: 300",
            "to_gate_mm: 300\n    trigger_expiry_ms: 26",
            7,
            "half the spacing of parts at max_rate_hz",
        ),
        ("simulation:", "training: {min_frames: 50, max_frames: 49}\nsimulation:", 14, "more than max_frames"),
        ("simulation:", "records: {ledger: 'mysql://db/x'}\nsimulation:", 14, "a ledger is a file name"),
    ],
)
def test_a_bad_value_is_named_with_its_line(tmp_path: Path, good: str, bad: str, line: int, words: str) -> None:
    assert good in GOOD
    found, message = complaint(tmp_path, GOOD.replace(good, bad, 1))
    assert words in message
    assert found == line


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("line: [1, 2\n", 2, "not YAML"),
        ("line: a\n\trecipe: b\n", 2, "not YAML"),
        ("line: 2024-99-99\n", 0, "not YAML"),
        ("line: !!python/object:os.system x\n", 1, "not YAML"),
        ("a: 1\n--- \nb: 2\n", 2, "not YAML"),
        ("[" * 5000, 0, "not YAML"),
        ("line: \x01\n", 0, "not YAML"),
        ("", 0, "holds no mapping"),
        ("# only a comment\n", 0, "holds no mapping"),
        ("just words\n", 0, "holds no mapping"),
        ("- a\n- b\n", 0, "holds no mapping"),
        (b"\xff\xfe\x00bad", 0, "cannot read"),
        (b"\x89PNG\r\n\x1a\n", 0, "cannot read"),
        ("line: a\nrecipe: b\nline: c\n", 3, "key 'line' is there twice"),
        ("a: &a {b: *a}\n", 1, "an anchor refers to itself"),
        ("a: &a\n  <<: *a\n", 1, "an anchor refers to itself"),
        (GOOD.replace("belt:", "belt: &belt\n  more: {still: *belt}"), 4, "an anchor refers to itself"),
        (NESTED_ANCHORS, 1, "unknown key 'a0'"),
        (
            GOOD.replace("    to_gate_mm: 300\n", "    to_gate_mm: 300\n    to_gate_mm: 30\n"),
            14,
            "'to_gate_mm' is there",
        ),
    ],
)
def test_what_is_no_line_file_is_refused_in_one_line(tmp_path: Path, text: str | bytes, line: int, words: str) -> None:
    found, message = complaint(tmp_path, text)
    assert words in message
    assert found == line


def test_a_part_travels_for_an_hour_at_most(tmp_path: Path) -> None:
    slow = GOOD.replace("speed_mm_s: 250", "speed_mm_s: 0.1")
    assert read(tmp_path, slow.replace("to_gate_mm: 300", "to_gate_mm: 360")).travel_ns("top") == 3600 * 10**9
    line, message = complaint(tmp_path, slow.replace("to_gate_mm: 300", "to_gate_mm: 361"))
    assert line == 1
    assert "camera top: a part needs 3610 s to the gate" in message


def test_an_anchor_may_be_used_often(tmp_path: Path) -> None:
    top = GOOD[GOOD.index("  top:") : GOOD.index("simulation:")]
    text = GOOD.replace(top, top.replace("  top:", "  top: &top") + "  left: *top\n  right: *top\n")
    assert list(read(tmp_path, text).cameras) == ["top", "left", "right"]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot read the line file"):
            read_line_file(path)


def test_no_mutation_of_a_line_file_ends_in_anything_but_a_line_or_one_clear_line(tmp_path: Path) -> None:
    rng, refused = random.Random(3), 0
    for _ in range(MUTATIONS):
        text = bytearray(GOOD.encode())
        for _ in range(rng.randint(1, 5)):
            position = rng.randrange(len(text))
            match rng.randrange(4):
                case 0:
                    text[position] = rng.choice(b"\n :[]{}'\"#&*!|>-,0?@~\t")
                case 1:
                    del text[position : position + rng.randint(1, 12)]
                case 2:
                    text[position:position] = rng.choice(
                        [b"&a ", b"*a", b"<<: ", b"!!int ", b"- ", b"? ", b"null", b"[{"]
                    )
                case 3:
                    text[position:position] = text[rng.randrange(len(text)) :][: rng.randint(1, 30)]
        try:
            assert isinstance(read(tmp_path, bytes(text)), Line)
        except InputError as e:
            assert "\n" not in str(e)
            refused += 1
    assert refused > MUTATIONS / 2


@pytest.mark.parametrize("time", ["02:30", "22:30"])
def test_a_written_line_has_its_time_of_day_in_quotes(tmp_path: Path, time: str) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(GOOD.replace("simulation:", f"training: {{at: '{time}'}}\nsimulation:", 1))
    given = read_line_file(path)
    written = write_document(given.model_dump(mode="json", exclude_none=True), tmp_path / "written.yaml")
    assert f"at: '{time}'\n" in written.read_text()
    assert read_line_file(written) == given
