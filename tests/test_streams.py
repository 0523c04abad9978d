from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from line_inspector import messages
from line_inspector.encoding import Message
from line_inspector.errors import InputError
from line_inspector.part_record import PartRecord
from line_inspector.streams import (
    ALARMS,
    BIN,
    ENCODER,
    HEALTH,
    HEARTBEAT,
    LONGEST_IPC_PATH,
    RESULTS,
    STREAMS,
    TRIGGERS,
    Pattern,
    Per,
)
from stations import STATIONS

PARTS_OF_MESSAGES = {messages.Ack, messages.Scene, messages.SlotRef, messages.StandingAlarm}
ON_DISK_ONLY = {PartRecord}
OUTSIDE_STATIONS = {"world", "run", "every station"}


def test_names_are_unique_and_every_message_type_has_a_stream() -> None:
    assert len({stream.name for stream in STREAMS}) == len(STREAMS)
    carried = {stream.message for stream in STREAMS}
    assert carried == set(Message.__subclasses__()) - PARTS_OF_MESSAGES - ON_DISK_ONLY


def test_both_tables_tell_the_same_of_who_sends_what_to_whom() -> None:
    for stream in STREAMS:
        if stream is HEALTH:
            continue
        sources, sinks = set(stream.source.split(", ")), set(stream.sink.split(", "))
        assert {s.name for s in STATIONS if stream in s.writes} == sources - OUTSIDE_STATIONS, stream.name
        assert {s.name for s in STATIONS if stream in s.reads} == sinks - OUTSIDE_STATIONS, stream.name


def test_only_what_is_watched_may_be_lost() -> None:
    assert {stream for stream in STREAMS if stream.pattern is Pattern.LATEST} == {
        HEARTBEAT,
        ENCODER,
        BIN,
        ALARMS,
        RESULTS,
        HEALTH,
    }


def test_a_stream_is_dead_after_ten_missed_periods() -> None:
    assert HEARTBEAT.dead_after_ns == 400_000_000
    assert RESULTS.dead_after_ns == 0


def test_an_endpoint_names_its_instance_where_there_are_several() -> None:
    assert TRIGGERS.endpoint(Path("/d"), "top") == "ipc:///d/triggers.top"
    assert RESULTS.endpoint(Path("/d")) == "ipc:///d/results"
    for stream, instance in ((TRIGGERS, ""), (RESULTS, "top")):
        with pytest.raises(ValueError, match="one endpoint per"):
            stream.endpoint(Path("/d"), instance)


def test_endpoints_never_meet() -> None:
    endpoints = [s.endpoint(Path("/d"), "" if s.per is Per.LINE else "top") for s in STREAMS]
    assert len(set(endpoints)) == len(STREAMS)


def test_the_longest_path_is_what_the_kernel_takes(tmp_path: Path) -> None:
    room = LONGEST_IPC_PATH - len(str(tmp_path)) - 1
    fits, too_long = (replace(RESULTS, name="x" * n) for n in (room, room + 1))
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.bind(fits.endpoint(tmp_path))
        with pytest.raises(zmq.ZMQError):
            socket.bind(f"ipc://{tmp_path}/{too_long.name}")
    with pytest.raises(InputError, match="shorter data_dir"):
        too_long.endpoint(tmp_path)
