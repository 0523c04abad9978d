import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from line_inspector.config import SLOWEST_HZ, Line
from line_inspector.config_reference import Key, sections
from line_inspector.errors import InputError
from line_inspector.line_file import parse_line, read_line_file
from line_inspector.records.database import store_of
from line_inspector.streams import HEARTBEAT

CONFIG = Path(__file__).parent.parent / "config"
SMALLEST: dict[str, Any] = {
    "line": "l",
    "recipe": "r",
    "data_dir": "data",
    "belt": {"speed_mm_s": 250},
    "cameras": {"top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300}},
}
EXPLAINED = re.compile(r"^\s*#?\s*(?P<key>\w+):(?P<value>[^#]*)#\s(?P<meaning>\S.*?)\s*(\[(?P<facts>[^\[]*)\])?$")


def line_with(**changes: Any) -> Line:
    return Line.model_validate(SMALLEST | changes)


def explained_keys() -> list[tuple[str, str]]:
    """(key, what stands in brackets behind its explanation) for every line of config/line.yaml that holds a key."""
    found = [EXPLAINED.match(text) for text in (CONFIG / "line.yaml").read_text().splitlines()]
    return [(match["key"], match["facts"] or "") for match in found if match]


def all_keys() -> list[tuple[str, Key]]:
    return [(section.title, key) for section in sections() for key in section.keys]


def test_a_real_camera_must_differ_and_one_that_plays_pictures_only_where_it_is_told_to() -> None:
    def must_differ(source: dict[str, str], **settings: bool) -> bool:
        camera = SMALLEST["cameras"]["top"] | {"source": source} | settings
        return line_with(cameras={"top": camera}).camera("top").must_differ

    real, played = {"kind": "genicam", "producer": "p.cti"}, {"kind": "folder", "path": "f"}
    assert must_differ(real) and not must_differ(real, frames_differ=False)
    assert must_differ(played, frames_differ=True) and not must_differ(played)
    assert not must_differ({"kind": "simulated"}) and not must_differ({"kind": "video", "path": "v"})


def test_the_explained_line_file_is_a_working_line() -> None:
    line = read_line_file(CONFIG / "line.yaml")
    assert line.deadline_ns("top") == 1_120_000_000


def test_every_key_of_the_types_is_explained_with_its_unit_bounds_and_default() -> None:
    explained = explained_keys()
    for section, key in all_keys():
        facts = "" if key.default == "its keys' defaults" else key.facts
        assert (key.name, facts) in explained, f"{section}: config/line.yaml does not say '{key.name} [{facts}]'"
        explained.remove((key.name, facts))
    assert explained == [("top", "")] or explained == [], "config/line.yaml explains keys that are not there"


def test_every_line_of_the_explained_file_is_a_comment_or_explains_its_key() -> None:
    for text in (CONFIG / "line.yaml").read_text().splitlines():
        assert not text.strip() or text.lstrip().startswith("#") or EXPLAINED.match(text) or text == "  top:", text


def alternatives() -> list[tuple[str, Any]]:
    """The commented-out blocks of config/line.yaml, such as `#source:` with the lines that belong to it."""
    text = (CONFIG / "line.yaml").read_text()
    blocks = re.findall(r"^ +#(?=\w+:)(.*(?:\n +#  .*)*)", text, re.MULTILINE)
    loaded = [yaml.safe_load(re.sub(r"\n +#", "\n", block)) for block in blocks]
    return [(key, value) for block in loaded for key, value in block.items()]


def test_every_commented_alternative_is_valid_in_its_place() -> None:
    data = yaml.safe_load((CONFIG / "line.yaml").read_text())
    places = {
        "encoder": data["belt"],
        "speed_change_s": data["simulation"],
        "part": data["cameras"]["top"],
        "frames_differ": data["cameras"]["top"],
        "source": data["cameras"]["top"],
        "trigger": data["cameras"]["top"],
        "images": data["simulation"],
        "bin_capacity": data["simulation"],
        "false_reject_rate": data["training"],
        "max_batch": data["inference"],
        "threads": data["inference"],
        "workers": data["inference"],
        "trigger_expiry_ms": data["cameras"]["top"],
        "gate": data["decision"],
        "keep_accepts_days": data["records"],
        "keep_rejects_days": data["records"],
        "archive_max_mb": data["records"],
        "archive_keep_free_mb": data["records"],
        "cable": data["cameras"]["top"]["source"],
    }
    found = alternatives()
    assert [value["kind"] for key, value in found if key == "source"] == ["opcua", "folder", "video", "genicam"]
    assert [value["kind"] for key, value in found if key == "gate"] == ["modbus", "opcua", "gpio"]
    assert {key for key, _ in found} == set(places)
    for key, value in found:
        place = data["belt"]["encoder"] if key == "source" and value["kind"] == "opcua" else places[key]
        before = dict(place)
        place[key] = value
        parse_line(data, CONFIG / "line.yaml")
        if key == "encoder":
            continue  # stays for speed_change_s, which needs it
        place.clear()
        place.update(before)


def test_the_values_in_the_explained_file_are_the_defaults_wherever_there_is_one() -> None:
    sized = {"max_width_px", "max_height_px"}  # the example's frames are small
    explained = [m for text in (CONFIG / "line.yaml").read_text().splitlines() if (m := EXPLAINED.match(text))]
    for match in explained:
        default = (match["facts"] or "").rpartition("default ")[2] if "default " in (match["facts"] or "") else ""
        if default and default != "none" and match["key"] not in sized:
            assert match["value"].strip().strip('"') == default, match["key"]


def test_the_demo_line_is_valid_and_light() -> None:
    line = read_line_file(CONFIG / "demo.yaml")
    assert line.simulation
    assert line.simulation.rate_hz <= 4
    assert line.travel_ns("top") == 1_200_000_000


@given(st.floats(1, 20_000), st.floats(1, 100_000), st.floats(0, 10_000), st.floats(0.1, 10_000))
def test_a_deadline_lies_before_the_gate_window_or_the_line_is_refused(
    speed_mm_s: float, to_gate_mm: float, margin_ms: float, window_ms: float
) -> None:
    camera = SMALLEST["cameras"]["top"] | {"to_gate_mm": to_gate_mm}
    decision = {"margin_ms": margin_ms, "gate": {"window_ms": window_ms}}
    try:
        line = line_with(belt={"speed_mm_s": speed_mm_s}, cameras={"top": camera}, decision=decision)
    except ValidationError as e:
        if to_gate_mm / speed_mm_s > 3600:
            assert "at most an hour" in str(e)
        else:
            assert "leaves no time to decide" in str(e)
            assert to_gate_mm / speed_mm_s * 1000 <= margin_ms + window_ms / 2 + 1e-5
        return
    assert line.travel_ns("top") <= 3600e9
    window_start_ns = line.travel_ns("top") - window_ms / 2 * 1e6
    assert 0 < line.deadline_ns("top") <= window_start_ns - margin_ms * 1e6 + 2


def test_a_line_needs_a_camera() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        line_with(cameras={})


def test_asking_for_an_unknown_camera_names_the_known_ones() -> None:
    assert line_with().camera("top").to_gate_mm == 300
    with pytest.raises(InputError, match="no camera 'tip'.*Known cameras: top"):
        line_with().camera("tip")


def test_nothing_in_a_line_can_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        line_with().belt.speed_mm_s = 3


def test_everything_a_line_records_lies_in_its_data_dir() -> None:
    line = line_with(data_dir="/d")
    for path in (line.sockets_dir, line.registry_dir, line.archive_dir, line.journal_path, line.world_record_path):
        assert path.parent == Path("/d")
    assert line.current_model_path == Path("/d/models/r/current")
    assert line.ledger_url == "sqlite:////d/ledger.sqlite"


@pytest.mark.parametrize("folder", ["/d/line?1", "/d/100%25", "/d/a b#c", "/d/ü"])
def test_the_ledger_lies_in_its_data_dir_whatever_that_is_called(folder: str) -> None:
    assert store_of(line_with(data_dir=folder).ledger_url).shown == f"{folder}/ledger.sqlite"


def test_a_ledger_url_is_taken_as_it_is() -> None:
    url = "sqlite:////var/lib/ledger.sqlite"
    assert line_with(records={"ledger": url}).ledger_url == url


@pytest.mark.parametrize(
    "url",
    ["postgresql://db/x", "postgresql+psycopg://db", "mysql://db/x", "sqlite://", "sqlite:///:memory:", "/x://y"]
    + ["postgresql+psycopg://u:s3cret@db:port/x", "postgresql+psycopg://u:s3cret@[db/x"],
)
def test_what_is_neither_an_sqlite_file_nor_a_postgresql_database_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError, match="a ledger is a file name, sqlite:////folder") as caught:
        line_with(records={"ledger": url})
    assert "s3cret" not in caught.value.errors()[0]["msg"]


def test_a_password_is_neither_shown_nor_put_on_record() -> None:
    url = "postgresql+psycopg://inspector:s3cret@db:5433/ledger?password=s3cret"
    line = line_with(records={"ledger": url})
    assert line.ledger_url == url
    assert "s3cret" not in repr(line) + str(line.settings)
    assert line.settings["records.ledger"] == "postgresql+psycopg://inspector@db:5433/ledger"
    assert line.settings["cameras.top.to_gate_mm"] == 300


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({"keep_accepts_days": 30, "keep_rejects_days": 7}, "rejects outlive accepts"),
        ({"archive_keep_free_mb": 1000}, "must be more than archive_min_free_mb"),
        ({"shifts": {"early": "6-14"}}, "06:00-14:00"),
        ({"shifts": {"all": "06:00-06:00"}}, "less than a day"),
    ],
)
def test_a_retention_or_a_shift_that_makes_no_sense_is_refused(records: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        line_with(records=records)


@pytest.mark.parametrize("place", ["", "a\0b"])
def test_a_ledger_needs_a_name_that_a_file_can_have(place: str) -> None:
    with pytest.raises(ValidationError, match="name a file"):
        line_with(records={"ledger": place})


@given(st.floats(SLOWEST_HZ, 1000), st.floats(0, exclude_min=True, allow_infinity=False))
def test_a_trigger_expires_before_the_next_part_can_lie_before_the_lens(max_rate_hz: float, expiry_ms: float) -> None:
    camera = SMALLEST["cameras"]["top"] | {"max_rate_hz": max_rate_hz}
    half_spacing_ns = 1e9 / max_rate_hz / 2
    gate = {"gate": {"window_ms": 0.5}}  # it has windows for a thousand parts a second
    untold = line_with(cameras={"top": camera}, decision=gate).camera("top").trigger_expiry_ns
    assert half_spacing_ns * (1 - 1e-9) - 1 <= untold <= half_spacing_ns * (1 + 1e-9)
    try:
        line = line_with(cameras={"top": camera | {"trigger_expiry_ms": expiry_ms}}, decision=gate)
    except ValidationError as e:
        assert "the next part may be before the lens" in str(e)
        assert expiry_ms * 1e6 > half_spacing_ns * (1 - 1e-9)
        return
    assert line.camera("top").trigger_expiry_ns == int(expiry_ms * 1e6) <= untold


def test_half_a_spacing_to_the_letter_is_allowed() -> None:
    camera = SMALLEST["cameras"]["top"] | {"max_rate_hz": 20, "trigger_expiry_ms": 25}
    assert line_with(cameras={"top": camera}).camera("top").trigger_expiry_ns == 25_000_000
    with pytest.raises(ValidationError, match=r"is 25.1, but later than 25 ms"):
        line_with(cameras={"top": camera | {"trigger_expiry_ms": 25.1}})


def test_the_gate_waits_for_three_heartbeats_at_least() -> None:
    least_ms = 3 * 1000 / HEARTBEAT.rate_hz
    assert line_with(decision={"gate": {"heartbeat_timeout_ms": least_ms}})
    with pytest.raises(ValidationError, match="greater than or equal to 120"):
        line_with(decision={"gate": {"heartbeat_timeout_ms": least_ms - 1}})


MODBUS = {"kind": "modbus", "host": "plc"}
GPIO = {"kind": "gpio", "chip": "/dev/gpiochip0", "accept_lines": {"top": 17}, "heartbeat_line": 27}


def test_a_gate_without_a_kind_is_the_simulated_one() -> None:
    assert line_with().decision.gate == line_with(decision={"gate": {"window_ms": 80}}).decision.gate
    assert line_with().decision.gate.kind == "simulated"


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"heartbeat_hz": 10}, "heartbeat_timeout_ms is 250, but three periods of heartbeat_hz are 300 ms"),
        (
            {"cycle_ms": 30},
            "window_ms is 50, but of a window two cycles are uncertain, so that cycle_ms 30 takes 68 ms",
        ),
        ({"window_ms": 51}, "parts may follow 50 ms after each other"),
        ({"node_id": "x"}, "Extra inputs are not permitted"),
        ({"host": ""}, "at least 1 character"),
        (GPIO | {"accept_lines": {"side": 17}}, "one line for each camera"),
        (GPIO | {"accept_lines": {"top": 17, "side": 18}}, "one line for each camera"),
        (GPIO | {"heartbeat_line": 17}, "one GPIO line for two signals"),
        (GPIO | {"stop_line": 27}, "one GPIO line for two signals"),
        (GPIO | {"stop_line": 22, "bin_line": 22}, "one GPIO line for two signals"),
        (GPIO | {"bin_full_line": 24}, "bin_full_line takes a sensor that counts as well"),
        ({"kind": "opcua", "endpoint": "http://plc"}, "should match pattern"),
        ({"kind": "opcua", "endpoint": "opc.tcp://plc:4840", "node_id": "ns=2;s=x"}, "should match pattern"),
        ({"kind": "opcua", "endpoint": "opc.tcp://plc:99999/"}, "99999 is no port"),
        ({"kind": "opcua", "endpoint": "opc.tcp://plc:0"}, "0 is no port"),
        ({"host": " "}, "is no name or address of a host"),
        ({"host": "192.0.2.10:502"}, "is no name or address of a host; a port has a key of its own"),
        ({"host": "http://plc:502/x"}, "is no name or address of a host"),
        ({"kind": "profinet"}, "'simulated', 'modbus', 'opcua', 'gpio'"),
    ],
)
def test_a_gate_that_cannot_work_is_refused(gate: dict[str, Any], words: str) -> None:
    own = gate if "kind" in gate else MODBUS | gate
    with pytest.raises(ValidationError, match=re.escape(words)):
        line_with(decision={"gate": own})


def test_a_gate_that_can_work_is_not() -> None:
    for gate in (MODBUS, GPIO, {"kind": "opcua", "endpoint": "opc.tcp://plc:4840"}):
        assert line_with(decision={"gate": gate}).decision.gate.window_ms == 50


def test_a_bin_sensor_of_a_gpio_gate_needs_a_line() -> None:
    with pytest.raises(ValidationError, match=r"alarms\.bin_sensor takes a line.*decision\.gate\.bin_line"):
        line_with(decision={"gate": GPIO}, alarms={"bin_sensor": True})
    assert line_with(decision={"gate": GPIO | {"bin_line": 23}}, alarms={"bin_sensor": True})


ENCODED = {"speed_mm_s": 250, "encoder": {"mm_per_count": 0.1}}


def test_a_bin_sensor_on_a_belt_that_changes_its_speed_is_followed_as_long_as_its_places_are_known() -> None:
    for gate in (MODBUS, GPIO | {"bin_line": 23}):
        assert line_with(belt=ENCODED, decision={"gate": gate}, alarms={"bin_sensor": True}).alarms.bin_sensor
    seen_late = {"bin_sensor": True, "bin_fall_ms": 30_001}
    assert line_with(alarms=seen_late)
    with pytest.raises(ValidationError, match=r"alarms\.bin_fall_ms is 30001; with belt\.encoder at most 30000"):
        line_with(belt=ENCODED, alarms=seen_late)


def test_a_challenge_that_is_looped_back_by_the_clock_takes_a_belt_of_one_speed() -> None:
    looped = {"challenge": {"frames": "known", "loop_back": True}, "alarms": {"bin_sensor": True}}
    assert line_with(**looped)
    with pytest.raises(ValidationError, match=r"challenge\.loop_back.*by the clock.*leave out loop_back"):
        line_with(belt=ENCODED, **looped)


MODBUS_COUNTER = {"kind": "modbus", "host": "127.0.0.1", "port": 1502, "address": 10}


def counted(source: dict[str, Any], **changes: Any) -> Line:
    return line_with(belt={"speed_mm_s": 250, "encoder": {"mm_per_count": 0.001, "source": source}}, **changes)


def test_a_count_that_goes_round_unseen_is_refused() -> None:
    assert counted(MODBUS_COUNTER).counter
    with pytest.raises(ValidationError, match=r"16 bits go round in less than 0\.5 s.*read 32 bits"):
        counted(MODBUS_COUNTER | {"bits": 16})


@pytest.mark.parametrize("host", [" ", "192.0.2.10:502", "http://plc:502/x", "plc-", "[::1]"])
def test_a_counter_whose_host_is_none_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="is no name or address of a host"):
        counted(MODBUS_COUNTER | {"host": host})
    for right in ("plc", "plc-2.hall_3.example", "192.0.2.10", "fe80::1"):
        assert counted(MODBUS_COUNTER | {"host": right}).counter


def test_a_count_that_is_coarser_than_the_gates_windows_is_refused() -> None:
    for mm_per_count, works in ((1000, False), (0.63, False), (0.62, True)):
        belt = {"speed_mm_s": 250, "encoder": {"mm_per_count": mm_per_count}}
        if works:
            assert line_with(belt=belt).belt.encoder
            continue
        with pytest.raises(ValidationError, match=r"too coarse for the gate's shortest window.*0\.625 at most"):
            line_with(belt=belt)


def test_the_second_half_of_a_count_has_a_register() -> None:
    assert counted(MODBUS_COUNTER | {"address": 65_534}).counter
    with pytest.raises(ValidationError, match="leaves no register for the second half"):
        counted(MODBUS_COUNTER | {"address": 65_535})


@pytest.mark.parametrize(
    ("gate", "source"),
    [
        ({"kind": "modbus", "host": "127.0.0.1", "port": 1502}, MODBUS_COUNTER),
        (
            {"kind": "opcua", "endpoint": "opc.tcp://127.0.0.1"},
            {"kind": "opcua", "endpoint": "opc.tcp://127.0.0.1:4840/plc", "node_id": "ns=3;s=count"},
        ),
    ],
    ids=["modbus", "opcua"],
)
def test_a_real_plc_may_drive_the_gate_and_count_but_a_simulated_one_not(
    gate: dict[str, Any], source: dict[str, Any]
) -> None:
    assert counted(source, decision={"gate": gate}).counter
    with pytest.raises(ValidationError, match="cannot listen twice"):
        counted(source, decision={"gate": gate}, simulation={})


def test_half_of_a_character_is_no_text() -> None:
    with pytest.raises(ValidationError, match=r"records\.ledger"):
        line_with(records={"ledger": "\ud800"})


@pytest.mark.parametrize("path", ["x" * 256, "/x" * 1600, "a\ud800"])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match=" path "):
        line_with(decision={"gate": GPIO | {"chip": path}})
    with pytest.raises(ValidationError, match=" path "):
        line_with(data_dir=path)
