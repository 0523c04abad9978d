"""What `line-inspector chaos` does, in order: model, line, faults, report."""

import logging
import shutil
import sys
from pathlib import Path

from line_inspector.chaos.campaign import Campaign
from line_inspector.chaos.catalogue import lacking
from line_inspector.chaos.judge import Blow
from line_inspector.chaos.scratch import Scratch
from line_inspector.chaos.scratch_line import ledger_file, scratch_line, stands_in
from line_inspector.chaos.stage import stage, start
from line_inspector.chaos.stand_in_model import train_stand_in
from line_inspector.chaos.unlike import unlike
from line_inspector.chaos.witness import Witness
from line_inspector.commands.chaos_report import Report
from line_inspector.commands.config_startable import require_startable
from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.inference.choice import line_exports
from line_inspector.stop_flag import StopFlag
from line_inspector.supervisor import stop_signals
from line_inspector.training.registry import Registry

EXIT_BROKEN_PROMISE = 1


def show(
    given: Line, scratch: Scratch, names: list[str], minutes: float, seed: int, as_json: bool, evidence: Path | None
) -> int | None:
    """The exit code; None when told to stop before the first fault was over.

    Raises InputError, and KeyboardInterrupt as long as no station has been started.
    """
    line = scratch_line(given, scratch.disk, scratch.cable, seed)
    require_startable(line)
    if others := unlike(given):
        _say(f"Not as in the line file: {', '.join(others)}.")
    report = Report(line, names, seed, _put_model_into_service(given, line, scratch), as_json)
    logging.getLogger().addHandler(logging.FileHandler(scratch.log))  # that stations are started again is no news here
    with stop_signals() as stop:
        blows, witness = _hurt(line, scratch, names, minutes, seed, stop, report)
        if evidence:
            _keep(evidence, line, scratch)
        if not blows:
            return None
        faultless = report.close(blows, witness.evidence(second_look=True), interrupted=stop.is_set)
    return 0 if faultless else EXIT_BROKEN_PROMISE


def _put_model_into_service(given: Line, line: Line, scratch: Scratch) -> str:
    """Copies the line's model, or trains a stand-in; says which."""
    registry = Registry(line.registry_dir, line.recipe, exports=line_exports(line, line.recipe))
    replaced = [name for name in given.cameras if stands_in(given, name)]
    if given.current_model_path.exists() and not replaced:
        return f"{registry.publish(given.current_model_path.resolve())}, in service"
    why = f"camera {replaced[0]} is replaced by a simulated one" if replaced else "no model is in service"
    _say(f"Training a small model ({why}) ...")
    registry.publish(train_stand_in(line, scratch.folder))
    return f"stand-in: {why}"


def _hurt(
    line: Line, scratch: Scratch, names: list[str], minutes: float, seed: int, stop: StopFlag, report: Report
) -> tuple[list[Blow], Witness]:
    """The faults that were done, and who saw it; the line has stopped when this returns."""
    blows: list[Blow] = []
    witness = Witness(line, scratch.world / "world.jsonl")
    with stage(line, scratch, seed) as victim:
        _say("Starting the stations ...")
        campaign = Campaign(victim, witness, stop, seed)
        if start(victim, scratch, stop) and campaign.wait_for_service():
            report.begin()
            for blow in campaign.faults(names, minutes):
                blows.append(blow)
                report.add(blow, witness.evidence())
        elif not stop.is_set:
            remedy = "Its model accepts nothing, or this machine is too slow: see line-inspector run"
            raise InputError("accepted no part before the first fault", f"line {line.line}", remedy)
        if not blows and campaign.not_possible:
            name, why = next(iter(campaign.not_possible.items()))
            raise InputError("cannot be done on this machine", f"--fault {name}", why)
        # A line of little time may have tried none of these.
        told_by_file = {name: why for name in names if (why := lacking(name, line))}
        report.not_possible = campaign.not_possible | told_by_file
        _say("Stopping the line ...")
    return blows, witness


def _keep(evidence: Path, line: Line, scratch: Scratch) -> None:
    evidence.mkdir(parents=True)
    for path in (scratch.log, scratch.world / "world.jsonl", ledger_file(line), scratch.folder / "line.yaml"):
        if path.exists():
            shutil.copy(path, evidence)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
