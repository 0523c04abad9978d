"""The journal loses no whole record and invents none, whatever happens to the process, the disk or the file."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from line_inspector.encoding import FORMAT_VERSION
from line_inspector.errors import InputError
from line_inspector.records.journal import REWRITE_ABOVE_BYTES, Journal

reuse_tmp_path = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def written(path, records):
    """A fresh journal file with the records; the offset after each."""
    path.unlink(missing_ok=True)
    journal = Journal(path)
    ends = []
    for record in records:
        journal.append(record)
        ends.append(journal.size_bytes)
    journal.close()
    return ends


def recovered(path):
    journal = Journal(path)
    journal.close()
    return journal.recovered


def test_a_new_process_finds_every_record_in_order(tmp_path, make_record):
    records = [make_record(f"p{i}", score=i / 7, detail="ünïcode") for i in range(20)]
    records.append(make_record("blind", captured_ns=None, verdict_ns=None, score=None, fingerprint=None))
    written(tmp_path / "j", records)
    assert recovered(tmp_path / "j") == records


def test_a_part_that_is_there_twice_is_recovered_once_as_it_was_first(tmp_path, make_record):
    first, second = make_record("p"), make_record("p", accepted=False)
    written(tmp_path / "j", [first, second])
    assert recovered(tmp_path / "j") == [first]


def test_the_file_is_empty_when_everything_is_retired(tmp_path, make_record):
    journal = Journal(tmp_path / "j")
    for i in range(5):
        journal.append(make_record(f"p{i}"))
    journal.retire(["p0", "p3", "never heard of"])
    assert len(journal) == 3
    assert recovered(tmp_path / "j")  # nothing is removed before everything can be
    journal.retire(["p1", "p2", "p4"])
    assert (tmp_path / "j").stat().st_size == 0
    journal.append(make_record("later"))
    assert [record.part_id for record in recovered(tmp_path / "j")] == ["later"]


def test_the_file_stays_small_when_some_part_is_always_open(tmp_path, make_record):
    journal = Journal(tmp_path / "j")
    largest = 0
    for i in range(12_000):
        journal.append(make_record(f"p{i}", detail="d" * 100))
        journal.retire([f"p{i - 3}"])
        largest = max(largest, (tmp_path / "j").stat().st_size)
    assert REWRITE_ABOVE_BYTES / 2 < largest < REWRITE_ABOVE_BYTES * 1.1
    assert [record.part_id for record in recovered(tmp_path / "j")][-3:] == ["p11997", "p11998", "p11999"]
    journal.retire(["p11997", "p11998", "p11999"])
    assert (tmp_path / "j").stat().st_size == 0
    assert not list(tmp_path.glob("*.partial"))


def work_of(function, *arguments):
    """How many calls and returns, of Python and of built-in functions, it takes: time without a clock."""
    events = 0

    def count(*_event):
        nonlocal events
        events += 1

    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return events


def test_retiring_looks_only_at_the_parts_it_retires(tmp_path, make_record):
    journal = Journal(tmp_path / "j")
    for i in range(5000):
        journal.append(make_record(f"p{i}", detail="d" * 300))
    assert journal.size_bytes > REWRITE_ABOVE_BYTES
    assert work_of(journal.retire, []) < 10
    assert work_of(journal.retire, ["p0", "never heard of"]) < 20
    journal.close()
    opened = Journal(tmp_path / "j")  # what was found counts as what was appended does
    opened.append(make_record("p9", detail="again"))
    opened.retire([f"p{i}" for i in range(3000)])
    assert opened.size_bytes > REWRITE_ABOVE_BYTES
    opened.retire([f"p{i}" for i in range(3000, 4990)])
    assert opened.size_bytes < REWRITE_ABOVE_BYTES / 10
    assert [record.part_id for record in recovered(tmp_path / "j")] == [f"p{i}" for i in range(4990, 5000)]


@reuse_tmp_path
@given(data=st.data())
def test_a_torn_tail_costs_only_the_torn_record(tmp_path, make_record, data):
    path = tmp_path / "j"
    records = [make_record(f"p{i}", detail="x" * i) for i in range(6)]
    ends = written(path, records)
    cut = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:cut])
    whole = [record for record, end in zip(records, ends, strict=True) if end <= cut]
    journal = Journal(path)
    assert journal.recovered == whole
    journal.append(make_record("next"))
    journal.close()
    assert recovered(path) == [*whole, make_record("next")]


@reuse_tmp_path
@given(data=st.data())
def test_damage_anywhere_costs_only_the_records_it_touches(tmp_path, make_record, data):
    path = tmp_path / "j"
    records = [make_record(f"p{i}") for i in range(6)]
    ends = written(path, records)
    content = bytearray(path.read_bytes())
    places = data.draw(st.sets(st.integers(0, len(content) - 1), min_size=1, max_size=4))
    for place in places:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    starts = [0, *ends[:-1]]
    untouched = [
        record
        for record, start, end in zip(records, starts, ends, strict=True)
        if not any(start <= place < end for place in places)
    ]
    journal = Journal(path)
    assert journal.recovered == untouched
    assert journal.damaged_bytes > 0
    journal.append(make_record("next"))
    journal.close()
    assert recovered(path) == [*untouched, make_record("next")]


@reuse_tmp_path
@given(garbage=st.one_of(st.binary(max_size=300), st.integers(0, 300).map(bytes)))
def test_what_is_no_journal_holds_no_record_and_can_be_written(tmp_path, make_record, garbage):
    path = tmp_path / "j"
    path.write_bytes(garbage)
    journal = Journal(path)
    assert journal.recovered == []
    assert journal.damaged_bytes == len(garbage)
    journal.append(make_record("next"))
    journal.close()
    assert recovered(path) == [make_record("next")]


def test_decisions_of_another_version_are_not_touched_and_the_user_is_told_to_drain_them(
    tmp_path, make_record, monkeypatch
):
    path = tmp_path / "j"
    monkeypatch.setattr("line_inspector.encoding.FORMAT_VERSION", FORMAT_VERSION + 1)
    written(path, [make_record("future"), make_record("another")])
    monkeypatch.undo()
    content = path.read_bytes() + b"torn"
    path.write_bytes(content)
    with pytest.raises(InputError, match="another version.* Start that version once more, let it drain") as caught:
        Journal(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content
    monkeypatch.setattr("line_inspector.encoding.FORMAT_VERSION", FORMAT_VERSION + 1)
    assert recovered(path) == [make_record("future"), make_record("another")]


def test_a_full_disk_fails_the_append_and_harms_nothing_else(small_disk, make_record):
    path = small_disk.folder / "j"
    journal = Journal(path)
    journal.append(make_record("before"))
    small_disk.fill()
    kept, refused = [], 0
    for i in range(200):  # the page that is there already takes some records, then one tears
        record = make_record(f"p{i}", detail="d" * 1000)
        try:
            journal.append(record)
            kept.append(record)
        except OSError:
            refused += 1
    assert refused > 0
    small_disk.free()
    journal.append(make_record("after"))
    journal.close()
    found = Journal(path)
    assert found.recovered == [make_record("before"), *kept, make_record("after")]
    assert found.damaged_bytes == 0


def test_a_full_disk_does_not_stop_retiring(small_disk, make_record):
    journal = Journal(small_disk.folder / "j")
    for i in range(10):
        journal.append(make_record(f"p{i}"))
    small_disk.fill()
    journal.retire([f"p{i}" for i in range(10)])
    assert journal.size_bytes == 0


def test_a_torn_write_is_undone(tmp_path, make_record):
    """A file-size limit stops a write in the middle of a record, also where no small disk can be mounted."""
    program = """
import resource, sys
import msgspec
from pathlib import Path
from line_inspector.part_record import PartRecord
from line_inspector.records.journal import Journal
record = msgspec.msgpack.decode(bytes.fromhex(sys.argv[2]), type=PartRecord)
journal = Journal(Path(sys.argv[1]))
journal.append(record)
resource.setrlimit(resource.RLIMIT_FSIZE, (journal.size_bytes + 50, -1))
try:
    journal.append(msgspec.structs.replace(record, part_id="torn"))
except OSError as e:
    print("refused", Path(sys.argv[1]).stat().st_size == journal.size_bytes)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
journal.append(msgspec.structs.replace(record, part_id="after"))
"""
    encoded = msgspec.msgpack.encode(make_record("before")).hex()
    command = [sys.executable, "-c", program, str(tmp_path / "j"), encoded]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["refused", "True"]
    assert [record.part_id for record in recovered(tmp_path / "j")] == ["before", "after"]


def test_kill_9_loses_no_record_that_was_appended(tmp_path, make_record):
    program = """
import itertools, sys
import msgspec
from pathlib import Path
from line_inspector.part_record import PartRecord
from line_inspector.records.journal import Journal
record = msgspec.msgpack.decode(bytes.fromhex(sys.argv[2]), type=PartRecord)
journal = Journal(Path(sys.argv[1]))
for number in itertools.count():
    journal.append(msgspec.structs.replace(record, part_id=str(number), gate_ns=number))
    print(number, flush=True)
"""
    encoded = msgspec.msgpack.encode(make_record("template")).hex()
    for lines in (1, 50, 700):
        path = tmp_path / f"journal{lines}"
        command = [sys.executable, "-c", program, str(path), encoded]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            seen = [child.stdout.readline() for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
            seen += child.stdout.readlines()
        said = sum(line.endswith("\n") for line in seen)
        found = recovered(path)
        assert len(found) in (said, said + 1)
        assert found == [make_record(str(i), gate_ns=i) for i in range(len(found))]


@pytest.mark.parametrize("name", ["", "file/j"])
def test_a_path_that_cannot_be_a_journal_is_bad_input(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot open the journal"):
        Journal(Path(tmp_path / name))
