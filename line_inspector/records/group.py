"""A group of rows that the ledger commits together: one fsync for all of them."""

from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection

from line_inspector.challenge_record import ChallengeRecord
from line_inspector.part_record import PartRecord
from line_inspector.records.audit import Change, append_changes, append_settings
from line_inspector.records.database import Rows, append_challenges, append_images, append_parts
from line_inspector.records.ledger_row import ArchivedImage, LineSettings, Row
from line_inspector.records.schema import row_of


@dataclass
class Group:
    """Rows that are committed together, of every kind; `part_ids` are those of `parts`."""

    parts: Rows = field(default_factory=list)
    images: Rows = field(default_factory=list)
    settings: list[LineSettings] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    challenges: Rows = field(default_factory=list)
    part_ids: list[str] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Takes one more row."""
        match row:
            case PartRecord():
                self.parts.append(row_of(row))
                self.part_ids.append(row.part_id)
            case ArchivedImage():
                self.images.append(asdict(row))
            case LineSettings():
                self.settings.append(row)
            case Change():
                self.changes.append(row)
            case ChallengeRecord():
                self.challenges.append(row_of(row))

    def append(self, connection: Connection) -> None:
        """Puts them into their tables, parts first. Raises what the database raises."""
        append_parts(connection, self.parts)
        append_images(connection, self.images)
        append_challenges(connection, self.challenges)
        for settings in self.settings:
            append_settings(connection, settings.values)
        if self.changes:
            append_changes(connection, self.changes)
