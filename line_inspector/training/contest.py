"""A candidate beside the models that it must not be worse than, on the same held-out good parts and forged defects."""

from dataclasses import dataclass
from pathlib import Path

from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import read_manifest
from line_inspector.training.options import TrainingOptions
from line_inspector.training.promise import USUAL_RATE
from line_inspector.training.promotion import Promotion, Trial, judge
from line_inspector.training.registry import Registry
from line_inspector.training.samples import Batch
from line_inspector.training.trial import try_engine

STOPPED = Promotion(False, ("The training was stopped before its end.",))


@dataclass(frozen=True)
class Contest:
    """The trials: of the candidate, None when its training was stopped; of the model in service, None without one.

    `chosen` is that of the model at the root of the lineage, which a person put into service, if that is another one.
    """

    candidate: Trial | None = None
    in_service: Trial | None = None
    chosen: Trial | None = None

    @property
    def verdict(self) -> Promotion:
        """Whether the candidate may be published: only if it is not worse than either."""
        if self.candidate is None:
            return STOPPED
        promotion = judge(self.candidate, self.in_service)
        if self.chosen is None or not promotion.promoted:
            return promotion
        against_chosen = judge(self.candidate, self.chosen)
        if against_chosen.promoted:
            return promotion
        return Promotion(False, ("It is worse than the model that was chosen by hand.", *against_chosen.reasons))


def hold_contest(
    candidate: Path, parent: Path | None, registry: Registry, images: Batch, options: TrainingOptions
) -> Contest:
    """Try the candidate, its parent, which is the model in service, and the one chosen by hand, on `images`.

    Raises InputError for a model that cannot be trusted, as load_verified_engine does, or tried, as try_engine does.
    """
    folders = (candidate, parent, _root(registry, parent))
    return Contest(*(None if folder is None else _tried(folder, images, options) for folder in folders))


def _root(registry: Registry, parent: Path | None) -> Path | None:
    """The oldest ancestor of `parent` that is still in the registry; None where that is `parent` itself."""
    folder, seen = parent, {parent}
    while folder is not None:
        version = read_manifest(folder).lineage.get("parent")
        older = registry.folder / str(version)
        if version is None or older in seen or not older.is_dir():
            break
        seen.add(older)
        folder = older
    return None if folder == parent else folder


def _tried(folder: Path, images: Batch, options: TrainingOptions) -> Trial:
    promised = read_manifest(folder).calibration.get("false_reject_rate", USUAL_RATE)
    return try_engine(load_verified_engine(folder, options.device), images, float(promised))
