"""Alarms on the operators' page: their words, and the way of an acknowledgement back to decision."""

import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from overlay_results import START_NS

from line_inspector.alarms import table
from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.encoding import decode, encode
from line_inspector.line_file import read_line_file
from line_inspector.messages import AlarmAcknowledgement, AlarmsStanding, Health, StandingAlarm
from line_inspector.overlay.alarm_words import LONGEST_NAME, operators_name
from line_inspector.overlay.feed import Feed
from line_inspector.overlay.state import State
from line_inspector.overlay.view import Condition
from line_inspector.streams import ACKNOWLEDGEMENTS, ALARMS

SCREENSHOT = "LINE_INSPECTOR_SCREENSHOT"


def standing(name: str, subject: str = "", **facts: Any) -> StandingAlarm:
    told = {"detail": "", "since_wall_ns": 0, "present": True, "acknowledged": False, **facts}
    return StandingAlarm(name=name, subject=subject, **told)


def told(*alarms: StandingAlarm, stop: bool = False) -> AlarmsStanding:
    return AlarmsStanding(sent_ns=0, alarms=alarms, stop_requested=stop)


@pytest.mark.parametrize("alarm", table.ALARMS, ids=lambda alarm: alarm.name)
def test_every_alarm_is_shown_with_its_next_step(line: Line, alarm: Any) -> None:
    state = State(line, START_NS)
    state.take_alarms(told(standing(alarm.name, "top", detail="why"), stop=True))
    (shown,) = state.view(START_NS).standing
    assert (shown.severity, shown.next_step) == (alarm.severity.value, alarm.next_step)
    assert shown.title == f"Camera top: {alarm.meaning}" and "why" in shown.facts
    assert shown.waits_for_person is alarm.latching


def test_the_page_says_what_the_alarms_do_to_the_line(line: Line) -> None:
    state = State(line, START_NS)
    assert state.view(START_NS).standing == ()
    state.take_alarms(told(standing("ledger_down")))
    assert state.view(START_NS).effect == "Alarms"
    state.take_alarms(told(standing("bin_full"), stop=True))
    assert state.view(START_NS).effect == "STOP THE LINE"
    state.take_alarms(told(standing("challenge_missed", "top", acknowledged=True), standing("new_one"), stop=True))
    view = state.view(START_NS)
    assert view.effect.startswith("NOTHING IS ACCEPTED")
    assert [alarm.waits_for_person for alarm in view.standing] == [False, False]
    assert view.standing[1].title == "New one"


def test_a_standing_alarm_takes_attention(line: Line) -> None:
    state = State(line, START_NS)
    for station in state.liveness.stations:
        state.liveness.take(Health(station=station, pid=1, sent_ns=START_NS, state="serving", counters={}))
    assert state.view(START_NS).condition is Condition.INSPECTING
    state.take_alarms(told(standing("ledger_down")))
    assert state.view(START_NS).condition is Condition.ATTENTION


@given(st.none() | st.integers() | st.lists(st.text()) | st.text(st.characters(codec=None)))
@example("\ud800")
@example("Ann\0\n2026-01-01 INFO alarms: nothing happened")
def test_whatever_a_browser_sends_as_a_name_can_be_sent_and_logged_in_one_line(typed: object) -> None:
    who = operators_name(typed)
    assert len(who) <= LONGEST_NAME and len(who.splitlines()) <= 1 and "\0" not in who
    said = AlarmAcknowledgement(name="rejects_in_row", subject="top", who=who)
    assert decode(encode(said), AlarmAcknowledgement) == said


def test_a_name_is_what_was_typed() -> None:
    assert operators_name("  Ann  O\u2019Neill-\u0160imkov\u00e1 ") == "Ann O\u2019Neill-\u0160imkov\u00e1"
    assert operators_name("\t \n") == operators_name(None) == ""


def test_an_acknowledgement_reaches_decision(tmp_path: Path, line: Line) -> None:
    bus = Bus(tmp_path / "run")
    received = bus.receiver(ACKNOWLEDGEMENTS, AlarmAcknowledgement)
    feed = Feed(bus, line, START_NS)
    time.sleep(0.2)
    said = AlarmAcknowledgement(name="rejects_in_row", subject="top", who="Ann")
    feed.board.acknowledged.put(said)
    feed.turn(START_NS)
    heard, end_s = [], time.monotonic() + 5
    while not heard and time.monotonic() < end_s:
        heard = list(received.drain())
        time.sleep(0.01)
    assert heard == [said]
    feed.close()
    received.close()


def test_the_real_page_holds_the_alarm_and_its_button(
    write_line: Callable[..., Path], start_overlay: Callable[[Path], Any]
) -> None:
    """Without a browser: what the server sends of the page."""
    line_file = write_line()
    publisher = Bus(read_line_file(line_file).sockets_dir).publisher(ALARMS)
    overlay = start_overlay(line_file)
    end_s = time.monotonic() + 20
    page = ""
    while "many parts in a row were rejected" not in page:
        assert time.monotonic() < end_s, page[-3000:]
        publisher.send(told(standing("rejects_in_row", "top"), stop=True))
        time.sleep(0.3)
        with urllib.request.urlopen(overlay.url, timeout=20) as answer:
            page = answer.read().decode()
    assert "STOP THE LINE" in page and "Acknowledge" in page and "Your name" in page
    publisher.close()


def test_an_operator_acknowledges_by_name(
    write_line: Callable[..., Path], play: Any, start_overlay: Callable[[Path], Any], visit: Any
) -> None:
    line_file = write_line()
    play(line_file)
    bus = Bus(read_line_file(line_file).sockets_dir)
    publisher, decision = bus.publisher(ALARMS), bus.receiver(ACKNOWLEDGEMENTS, AlarmAcknowledgement)
    page = visit(start_overlay(line_file).url).page
    alarms = told(standing("rejects_in_row", "top", detail="10 in a row"), standing("ledger_down"), stop=True)

    def until(done: Callable[[], object]) -> None:
        end_s = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end_s
            publisher.send(alarms)
            page.wait_for_timeout(100)

    until(lambda: page.locator(".alarm:visible").count() == 2)
    assert page.locator(".alarm:visible .q-btn:visible").count() == 1
    page.locator(".alarm .q-btn:visible").click()
    until(lambda: page.get_by_text("Enter your name first").is_visible())
    assert list(decision.drain()) == []
    page.locator(".operator input").fill("Ann")
    page.locator(".operator input").blur()
    page.locator(".alarm .q-btn:visible").click()
    heard: list[AlarmAcknowledgement] = []
    until(lambda: heard.extend(decision.drain()) or heard)
    assert heard == [AlarmAcknowledgement(name="rejects_in_row", subject="top", who="Ann")]
    if SCREENSHOT in os.environ:
        page.screenshot(path=os.environ[SCREENSHOT])
    publisher.close()
    decision.close()
