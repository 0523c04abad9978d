"""`line-inspector ledger`: what the ledger says of the parts so far, and whether it is as it was written."""

from typing import Any

import typer
from typer.core import TyperGroup

from line_inspector.commands.ledger_report import report
from line_inspector.commands.ledger_verify import verify


class ReportUnlessTold(TyperGroup):
    """`ledger LINE.yaml` is `ledger report LINE.yaml`, as it was before there was anything else to ask a ledger."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the word `report` in front where no command is named."""
        named = args[:1] and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named or not args else ["report", *args])


def register(app: typer.Typer) -> None:
    """Adds `ledger report` and `ledger verify`."""
    group = typer.Typer(
        cls=ReportUnlessTold,
        help="Report what became of the parts; verify that nobody has changed the ledger.",
        no_args_is_help=True,
    )
    group.command("report")(report)
    group.command("verify")(verify)
    app.add_typer(group, name="ledger")
