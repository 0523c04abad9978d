"""Gathers the evidence: reads the world's record as it grows, the ledger, and looks again at pictures of parts."""

from pathlib import Path

import msgspec

from line_inspector.cameras.renderer import render
from line_inspector.chaos.judge import Evidence, properly_accepted
from line_inspector.config import Line, SimulatedCamera
from line_inspector.images import Frame, read_image
from line_inspector.inference.engine import Finding
from line_inspector.inference.load import load_verified_engine
from line_inspector.records.reading import read_parts
from line_inspector.ring import fingerprint
from line_inspector.simulation.record import BinnedPart


class Witness:
    """Of one run. `line` is the scratch line, `record` the world's own file."""

    def __init__(self, line: Line, record: Path) -> None:
        self.parts: list[BinnedPart] = []
        self._line, self._record = line, record
        self._read_bytes = 0
        self._decoder = msgspec.json.Decoder(BinnedPart)
        self._fingerprints: dict[str, int] = {}

    def look(self) -> None:
        """Takes in what the world has written since the last look."""
        if not self._record.exists():
            return
        with self._record.open("rb") as file:
            file.seek(self._read_bytes)
            whole, _, _ = file.read().rpartition(b"\n")
        for line in whole.split(b"\n") if whole else []:
            self.parts.append(self._decoder.decode(line))
        self._read_bytes += len(whole) + 1 if whole else 0

    def accepted_since(self, trigger_ns: int) -> bool:
        """Whether a part that was triggered later is in the accept bin."""
        newest_first = (part for part in reversed(self.parts) if part.bin == "accept")
        newest = next(newest_first, None)
        return newest is not None and newest.trigger_ns > trigger_ns

    def evidence(self, *, second_look: bool = False) -> Evidence:
        """What is known by now; with `second_look`, the model is asked again of accepted defective parts.

        Raises InputError when the ledger cannot be read.
        """
        self.look()
        rows = {row.part_id: row for row in read_parts(self._line.ledger_url)}
        for part in self.parts:
            if part.bin == "accept" and part.part_id not in self._fingerprints:
                self._fingerprints[part.part_id] = fingerprint(self._picture(part))
        evidence = Evidence(list(self.parts), rows, self._fingerprints, {})
        if not second_look:
            return evidence
        return Evidence(evidence.parts, rows, self._fingerprints, self._second_scores(evidence))

    def _second_scores(self, evidence: Evidence) -> dict[str, float]:
        doubtful = [part for part in self.parts if part.defective and properly_accepted(part, evidence)]
        scores: dict[str, float] = {}
        for version in {evidence.rows[part.part_id].model_version for part in doubtful}:
            engine = load_verified_engine(self._line.registry_dir / self._line.recipe / version, "cpu")
            for part in doubtful:
                if evidence.rows[part.part_id].model_version == version:
                    (finding,) = engine.infer([self._picture(part)])
                    scores[part.part_id] = finding.score if isinstance(finding, Finding) else 1.0
        return scores

    def _picture(self, part: BinnedPart) -> Frame:
        """What the camera took of the part, made again."""
        source = self._line.cameras[part.camera].source
        if isinstance(source, SimulatedCamera):
            return render(part.seed, part.defect, source.width_px, source.height_px)[0]
        return read_image(Path(part.file))
