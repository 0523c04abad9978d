"""docs/plc.md: what a PLC's programmer and an electrician must know, around the tables that the code goes by."""

from line_inspector.actuators.plc_signals import FROM_PLC, SIGNALS, TO_PLC, Signal, VisionState, block_of
from line_inspector.config import OpcUaGateSettings

TITLE = """\
# Gates: PLC and GPIO

How Line Inspector drives a real reject gate: by a PLC over Modbus TCP or OPC UA, or by output lines of its own machine.
`decision.gate` in the line file chooses ([config.md](config.md)). This page is printed by `line-inspector config plc`;
`make docs` writes it, and a test keeps it equal to the table in `line_inspector/actuators/plc_signals.py`.

The gate rests at reject. A part passes only by an accept of its own, in its own window of time, while the heartbeat is
young. Whatever fails, on either side or between them, the part falls into the reject bin.

Modbus TCP has no security, and OPC UA is used without (anonymous, unencrypted) so far: put the PLC and this machine on
a network of their own.

## How an accept is handed over

A part's window is known here as moments of CLOCK_MONOTONIC, of which a PLC knows nothing. So the PLC offers its own
free-running millisecond counter, we read it in every exchange, and what we hand over is a window in that counter:
"accept on lane 1 from 48211530 to 48211574". Two other ways were looked at and left:

- *A window told as "from now on"* moves with every delay of the network: an accept that a switch has held back for
  200 ms would open the gate for the next part. A window in the PLC's own time means the same whenever it arrives; when
  it arrives too late, it has passed, and nobody goes through.
- *Counting parts on both sides* goes wrong for good when one side misses a trigger or sees one twice: from then on
  every verdict is the neighbour's. There is no way to tell from the numbers.

What the counter shows at a moment of ours is known within bounds: it was read between our asking and the answer, every
further reading narrows them, drift (300 ppm at most) and the PLC's cycle (`cycle_ms`) widen them. A window is narrowed
by what is uncertain, on both sides. It is never widened; where nothing of it is left, the part is rejected. A clock
that jumps or stands still is noticed in the next exchange, and everything that waits is forgotten.

The PLC lets pass whatever is before the gate in a window, since it does not know parts. So windows must not overlap:
`window_ms` may be at most 1000 / `max_rate_hz` of each camera, and the line file is refused otherwise. Parts that come
nearer to each other than that get shorter windows, or are rejected (docs/tracking.md).

## Timing

```
                            one exchange, at every beat and for every accept
 Line Inspector   write ──────────► read ──────────►        write ──────────► read
                    │                 ▲                       │                 ▲
 result_number  41 ─┴─ 42 ───────────────────────────────────────────────────────────────
 verdict         0 ─┴─ 21930 ─────────────────────────────────┴─ 0 ──────────────────────
 result_valid   ____┌─────────────────────────────────────────┐__________________________
 busy           ____┌─────────────────────────────────────────┐__________________________
 acknowledge    41 ────── 42 ────────────────────────────────────────────────────────────
 (the PLC)            in its next cycle
 heartbeat       7 ─┴─ 8 ─────────────────────────────────────┴─ 9 ──────────────────────
 gate           reject ───────────────────────────────────────────┌ accept ┐ reject ─────
 clock_ms                                            window_start_ms     window_end_ms
```

- One result is on its way at a time. The next one follows when `acknowledge` equals `result_number`, so with a cycle of
  10 ms and an answer within 5 ms some 40 parts a second can be accepted. What does not get its turn before its window
  begins is dropped, and rejected.
- Only accepts are handed over. A part that is not told of is rejected.
- A result is not sent any more once its window has begun, and whatever waited while the connection was lost is never
  sent.
- A change of `heartbeat` follows only from a turn of the loop that decides. If that loop hangs, or the process dies,
  or the network is cut, it stops.
- Parts that are decided while the PLC cannot be reached, or its `mode` accepts none, are rejects with the reason
  `gate_down` in the ledger.
- A connection that answers later than `timeout_ms` is reset, with all that it still held, and made anew in the
  background.

## What the PLC's program must do

In every cycle:

1. Add to `clock_ms`, or copy the CPU's millisecond counter into it. At start, put a new number that is not 0 into
   `session` (a counter in retained memory will do) and forget all windows.
2. If `heartbeat` has not changed for `heartbeat_timeout_ms`, or `ready` is 0: reject, and forget all windows.
3. If `result_valid` is 1, `result_number` is neither 0 nor `acknowledge`: when `verdict` is 21930 and `session_echo`
   equals `session`, keep lane, start and end; then copy `result_number` into `acknowledge`. Room for 16 windows does
   for most lines; when there is none, do not acknowledge.
4. For each lane: accept while `clock_ms` is in one of its windows, both ends included, else reject. Compare as
   `clock_ms - window_start_ms <= window_end_ms - window_start_ms` in unsigned 32-bit arithmetic, which holds across the
   wrap of the counter every 49.7 days. Forget windows that have passed.
5. Set `mode`: 2 in automatic, 1 for one part (accepting goes on with the next change to 1), 0 to stop accepting.

6. `stop_request` says that an alarm asks for a stop ([alarms.md](alarms.md)): stop the infeed, or light a lamp, as the
   site chooses. Nothing needs to be done for safety.
7. Where a sensor sees what falls into the reject bins, add 1 to `bin_count` for each part, and set `bin_full` from the
   bin's level; otherwise leave both 0. `alarms.bin_sensor` in the line file says that there is one.

Everything that a PLC's memory may hold after a cold start means reject: no session, mode 0, verdict 0.
`line_inspector/simulation/plc_program.py` does the same in fifty lines of Python.
"""

STATES = """\
## States

`state` shows the states of OPC 40100-1 (Machine Vision), by numbers of our own.

| number | state | when |
| --- | --- | --- |
"""

STATE_MEANINGS = {
    VisionState.PREOPERATIONAL: "just started, or stopped in order; or session or clock of the PLC are not known",
    VisionState.INITIALIZED: "talks with the PLC; no model has been in service since the start",
    VisionState.READY: "can accept, but `mode` does not ask for it (any more)",
    VisionState.SINGLE_EXECUTION: "`mode` 1: the next accept will be handed over, and no other",
    VisionState.CONTINUOUS_EXECUTION: "`mode` 2: every accept is handed over",
    VisionState.ERROR: "inference is silent, decisions cannot be put on record, an alarm has stopped accepting, or the"
    " loop that decides hangs",
}

REST = """\
## The belt's encoder

The same PLC, or another one, or a counter module may hold the count of the belt's encoder, in registers or a node that
the site chooses: `belt.encoder.source` ([tracking.md](tracking.md)). It is read over a connection of its own.

## A line in simulation

With a section `simulation` and `kind: modbus` or `opcua`, the world takes the place of the PLC: it listens as a real
Modbus TCP or OPC UA server at the address in the line file, which must then be one of this machine, such as 127.0.0.1
and port 1502. Its gate moves by that server alone; a counter (`belt.encoder.source`) has another one, at another port.
`tests/line/test_plc_line.py` runs such lines, kills decision, and cuts the connection.

## GPIO

`kind: gpio` drives and reads lines of this machine through the kernel's GPIO devices (libgpiod 2).

- `accept_lines`, one for each camera: active only in the windows of accepted parts; `active_low` inverts them. Wire
  each to its actuator, through a relay or driver that rests at reject.
- `heartbeat_line`: toggles at `heartbeat_hz`, never inverted. Wire it to a monitor that cuts the supply of all
  actuators when it stops, high or low.
- `stop_line`, if given: active while an alarm asks for a stop ([alarms.md](alarms.md)), for the infeed's control or a
  lamp; `active_low` inverts it, too. Nothing depends on it for safety, and it rests when decision ends; that
  decision hangs or was killed shows at the heartbeat.
- `bin_line`, if given, is an input: each of its pulses is a part that fell into a reject bin, at the time at which the
  kernel saw it begin; `bin_full_line` is active while a bin is full. `bin_active_low` inverts both, `bin_debounce_ms`
  joins the bounces of a contact. They count with `alarms.bin_sensor: true`. Lines that can no longer be read end
  decision, which the supervisor or systemd starts again.

We hold the line for the part's window, since an output has no clock of its own. A thread does it, with the kernel's
timing for normal processes: late by a fraction of a millisecond on an idle machine, by several on a busy one. When
decision's loop hangs, all accept lines go inactive after `heartbeat_timeout_ms`.

**A process that is killed or frozen while a line is active cannot let go of it**, and what a chip does with a line that
was released is up to its driver. Only the monitor of the heartbeat stops the actuator then: a retriggerable
monostable (watchdog relay) whose time is not longer than `heartbeat_timeout_ms`. Until it drops out, parts behind the
accepted one pass unseen. Where that is not acceptable, use a PLC, whose windows end by themselves.

Under systemd the decision station may open no devices. For `gpio`, add with
`systemctl edit line-inspector-decision.service`:

```
[Service]
DeviceAllow=/dev/gpiochip0 rw
SupplementaryGroups=gpio
```

## What no hardware has confirmed

- Modbus TCP and OPC UA were tried with the servers of pymodbus and asyncua, over loopback, with a cable that is pulled.
  No PLC of any maker has been connected. Expect differences in node ids, in who may write what, and in byte order: we
  write the high word of a 32-bit value first.
- GPIO was tried with a chip made by the test, against the real package's settings and types. No line of any real chip
  has been switched, and neither its timing nor what it does when the process dies has been measured. No pulse on a
  `bin_line` has been counted by a real kernel, nor has a contact bounced; that the kernel also numbers edges for which
  it has no room is what we rely on, and have not seen.
- Heartbeat monitors, relays, valves and flaps have their own delays. Measure them, and put them into `to_gate_mm`,
  `window_ms` and `margin_ms`.
"""


def plc_page() -> str:
    """docs/plc.md."""
    return "\n".join([TITLE, *_register_table(), "", *_node_table(), "", STATES + _state_rows(), "", REST])


def _register_table() -> list[str]:
    written, read = block_of(TO_PLC), block_of(FROM_PLC)
    return [
        "## Modbus registers",
        "",
        "Holding registers, counted from `base_register`, addresses from 0. A UInt32 takes two, the high word first; a",
        f"Boolean is 0 or 1 in a register of its own. We write {written[1]} registers from {written[0]} on in one",
        f"request (function 16), and read {read[1]} from {read[0]} on in one request (function 3).",
        "",
        "| register | name | type | direction | meaning |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {signal.register} | {_cells(signal)} |" for signal in SIGNALS),
    ]


def _node_table() -> list[str]:
    template = str(OpcUaGateSettings.model_fields["node_id"].default)
    return [
        "## OPC UA nodes",
        "",
        "Variables of the PLC's server, scalar, of exactly these types. Their ids follow from `node_id` in the line",
        "file; here as they are by default. We write all of ours in one Write request, in this order, and read in one",
        "Read request.",
        "",
        "| node | name | type | direction | meaning |",
        "| --- | --- | --- | --- | --- |",
        *(f"| `{template.format(name=signal.name)}` | {_cells(signal)} |" for signal in SIGNALS),
    ]


def _cells(signal: Signal) -> str:
    return f"`{signal.name}` | {signal.kind.value} | {signal.direction.value} | {signal.meaning}"


def _state_rows() -> str:
    names = {state: state.name.title().replace("_", "") for state in VisionState}
    return "\n".join(f"| {state.value} | {names[state]} | {STATE_MEANINGS[state]} |" for state in VisionState)
