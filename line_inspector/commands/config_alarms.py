"""docs/alarms.md: every alarm, around the table that decision and the operators' page go by."""

from line_inspector.alarms.table import ALARMS, Alarm

TITLE = """\
# Alarms

What can be wrong with a line, and what the operator does about it. This page is printed by
`line-inspector config alarms`; `make docs` writes it, and a test keeps it equal to the table in
`line_inspector/alarms/table.py`. The bounds are keys of the section `alarms` in the line file ([config.md](config.md)).

- *warning*: somebody should look in this shift. *critical*: now.
- *stop request*: the line is asked to stop, by `stop_request` at a PLC and `stop_line` of a GPIO gate
  ([plc.md](plc.md)), in the heartbeat at a simulated gate, and on the operators' page. Line Inspector stops no belt
  itself.
- *accepts stop*: every part is rejected (`accepts_stopped`) while the alarm stands, and the line is asked to stop. It
  stands over a restart of decision, too.
- *latching*: it stands until its cause is gone and an operator has acknowledged it on the page, by name. A restart
  acknowledges nothing: what waits for a person, or stops accepting, is kept in `alarms.json` in `data_dir`. So it is
  when the line file no longer has the camera, or has it under another name.

Alarms decide no part but by *accepts stop*; that a part of a blind camera or a silent worker is rejected does not
depend on them. Of cameras that see the same parts, rejects count under the name of the first, one for each part; a
double trigger or a late view is no part, and counts nowhere. What is raised, acknowledged and cleared goes into the
ledger's audit table, as `alarm.raise`, `alarm.acknowledge` with the name that the operator gave, and `alarm.clear`
([ledger.md](ledger.md)). While the database is down, these rows, and those of challenges, wait in `changes.spool` in
`data_dir`, whatever becomes of decision meanwhile; the log has them at once. Health counts how often each was raised
since decision's start, as `alarm.<name>`.
"""

REST = """\
## Rejects that are seen falling

With `alarms.bin_sensor: true` every reject must show at a sensor over the reject bin: within `bin_tolerance_ms` of the
moment at which it is before the gate, plus `bin_fall_ms`. The sensor counts and knows no parts, so a pulse confirms
the rejected part nearest in time; what falls in unexpectedly (the gate rejects in doubt what was accepted) confirms
nothing. One sensor counter serves the whole line: with several lanes, add their pulses up in the PLC. The simulated
gate and a PLC have such a counter (`bin_count`, `bin_full`); a GPIO gate counts the pulses on its `bin_line`. A PLC's
count is read with the heartbeat, so its time is known to a beat; a GPIO pulse has the kernel's own time. A double
trigger or a late view is no part, and nothing need fall for it.

On a belt whose speed changes (`belt.encoder`) rejects are awaited by its count, as windows are
([tracking.md](tracking.md)): where the belt was `bin_fall_ms` before a pulse is compared with the place at which the
part is before the gate, and `bin_tolerance_ms` is the way that the belt goes in that time at `speed_mm_s`. A belt that
slows down or stops puts the fall off, and with it the alarm; `bin_fall_ms`, 30 s at most, stays a time. When the count
is lost (`belt_unknown`), what is on the belt is rejected, and still awaited: at any place from there on, up to the way
that it had left, by the new count. Pulses confirm such parts in the order in which they must have fallen, so that the
number of those that are missing is right, and their names may not be; and one that was accepted and falls, since the
gate takes its accepts back then, may stand for another that does not.
"""


CHALLENGES = """\
## Challenges

With a section `challenge` in the line file, pictures of known defects are sent the way of every part: through frame
ring, inference and decision's policy, with an id, an announcement and a deadline of their own, and must come back as
`anomaly`. They are taken in turn from `<frames>/<recipe>/<camera>/`, the first 16 by name, read at the station's start:
one when decision starts, at each begin of `records.shifts`, after a new model has given its first verdict, and
`every_min` after the last that passed.

A challenge is no part. It is never handed to the gate, is no trigger, neither accepted nor rejected in the ledger's
counts, and stands in a table of its own (`ledger report` counts it, `ledger verify` checks it). It goes in only while
no more than `most_open` parts wait for their verdict, and while three usual verdicts fit into the shortest deadline, so
that a part right behind it is still in time, or no part has come for 2 s; capture lets parts go first. Without such a
gap for `overdue_s` it is `challenge_overdue`.

- *passed*: rejected as an anomaly.
- *missed*: accepted. Accepting stops (`challenge_missed`) until a later challenge has passed **and** an operator has
  acknowledged. The same picture is repeated every `retry_s` until it passes, also by a decision that was started again.
  Parts whose accept the gate already had still pass. Of a camera that the line file no longer has, or that is no
  longer challenged, no challenge can pass: accepting stops until an operator has acknowledged its miss, once more where
  that was done before.
- *unanswered*: rejected for another reason, such as a worker that died meanwhile. Accepting stops
  (`challenge_unanswered`) until the repetition of the same picture passes, also over a restart of decision; nobody
  needs to acknowledge. It ends when the line file no longer has the camera, or challenges it no more.

Of several workers (docs/remote.md) one is given the challenge, as with any part. Of the others it shows nothing but
what each verdict carries: that they run the same model, by its hash.

A challenge under way when decision dies is forgotten, since the next one begins with another.

With `loop_back: true` the outputs are challenged, too: the simulated gate takes the challenge for a part, and the bin's
sensor must see it fall, or it is `reject_unconfirmed`. A real gate has nothing to let fall: there the sensor looks at
every real reject instead.
"""


def alarms_page() -> str:
    """docs/alarms.md."""
    rows = "\n".join(_row(alarm) for alarm in ALARMS)
    head = "| alarm | severity | effect on the line | latching | for each | seen | what the operator does |"
    return "\n".join([TITLE, head, "| --- | --- | --- | --- | --- | --- | --- |", rows, "", REST, CHALLENGES])


def _row(alarm: Alarm) -> str:
    latching = "yes" if alarm.latching else "no"
    cells = (alarm.severity, alarm.effect, latching, alarm.subject, alarm.meaning, alarm.next_step)
    return f"| `{alarm.name}` | {' | '.join(cells)} |"
