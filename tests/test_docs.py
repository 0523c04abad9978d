"""The pages of docs/ and ARCHITECTURE.md against what they tell of."""

import re
from pathlib import Path

import pytest
import yaml

from line_inspector.commands.config import config_page, streams_page
from line_inspector.commands.config_alarms import alarms_page
from line_inspector.commands.config_plc import plc_page
from line_inspector.config_reference import sections
from line_inspector.encoding import Message
from line_inspector.line_file import parse_line
from line_inspector.part_record import Reason
from line_inspector.streams import STREAMS
from stations import STATIONS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE_FOLDERS = ("line_inspector/", "stations/", "config/", "systemd/", "tests/", "docs/")


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("config.md", config_page),
        ("streams.md", streams_page),
        ("plc.md", plc_page),
        ("alarms.md", alarms_page),
    ],
)
def test_a_generated_page_is_what_its_types_and_tables_say(name: str, page) -> None:  # type: ignore[no-untyped-def]
    assert (ROOT / "docs" / name).read_text() == page(), "run `make docs`"


def test_the_config_page_shows_every_key() -> None:
    text = (ROOT / "docs" / "config.md").read_text()
    for section in sections():
        assert f"## {section.title}\n" in text
        assert all(f"| `{key.name}` |" in text for key in section.keys)


def test_the_smallest_line_file_of_the_config_page_is_valid() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", config_page(), re.DOTALL)
    assert parse_line(yaml.safe_load(example), ROOT / "config" / "example.yaml").line == "example"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"`([\w./@-]+)`", text))
    paths = {name for name in named if name.startswith(CODE_FOLDERS) or name in ("Makefile", "pyproject.toml")}
    paths |= set(re.findall(r"\]\((?!https?:)([\w./@-]+)\)", text))
    missing = [name for name in sorted(paths) if not (ROOT / name).exists() and not (page.parent / name).exists()]
    assert missing == []


def test_the_architecture_names_every_stream_station_and_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [path.parent.name for path in (ROOT / "line_inspector").glob("*/__init__.py")]
    for name in [stream.name for stream in STREAMS] + [station.name for station in STATIONS] + rooms:
        assert re.search(rf"\b{name}\b", text), f"ARCHITECTURE.md says nothing of {name}"


def test_the_architecture_names_every_message_of_a_part_and_every_reason() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for stream in STREAMS:
        assert stream.message.__name__ in text
    assert issubclass(STREAMS[0].message, Message)
    for reason in Reason:
        assert f"`{reason.value}`" in text, f"ARCHITECTURE.md does not explain the reason {reason.value}"


def test_everything_in_the_spine_is_told_of_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in (ROOT / "line_inspector").glob("*.py"):
        if not path.name.startswith("__"):
            assert path.name in text, f"ARCHITECTURE.md says nothing of {path.name}"
