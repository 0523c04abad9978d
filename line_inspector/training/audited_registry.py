"""The registry of a line: whoever changes the model in service is put on record in the line's audit table."""

import json
import sys
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.inference.choice import line_exports
from line_inspector.inference.model_directory import read_manifest
from line_inspector.records.audit import change
from line_inspector.records.change_spool import ChangeSpool
from line_inspector.records.database import Vanished, WritingDatabase, plain_text
from line_inspector.training.registry import Registry


def audited_registry(line: Line, recipe: str | None = None) -> Registry:
    """The registry of a recipe, the line's own unless told. A change is noted on disk before it is made."""
    recipe = recipe or line.recipe
    spool = ChangeSpool(line.changes_path)
    folder = line.registry_dir / recipe

    def note(action: str, old: str | None, new: str) -> None:
        before, after = (_facts(folder / version) if version else "none" for version in (old, new))
        spool.add(change(f"model.{action}", f"recipe {recipe}", before, after))

    return Registry(line.registry_dir, recipe, note, line_exports(line, recipe))


def hand_over_changes(line: Line) -> None:
    """Moves what was noted into the audit table, or says why it waits: the line does it when it next can."""
    database = WritingDatabase(line.ledger_url)
    try:
        ChangeSpool(line.changes_path).drain(database)
    except (SQLAlchemyError, OSError, InputError, Vanished) as e:
        print(f"not in the audit table yet ({plain_text(e)}): waits in {line.changes_path}", file=sys.stderr)
    finally:
        database.close()


def _facts(model_dir: Path) -> str:
    facts: dict[str, object] = {"version": model_dir.name}
    with suppress(InputError):  # one that cannot be read any more is replaced, and its name is all that is known
        facts["threshold"] = read_manifest(model_dir).threshold
    return json.dumps(facts)
