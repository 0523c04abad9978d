"""The command line. One file per command, found by its name; each registers itself through `register(app)`."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Sequence

import typer

from line_inspector.errors import EXIT_BAD_INPUT, InputError


def command_names() -> list[str]:
    """Names of all commands: the modules of this package, less the parts of a command, `<command>_<part>`."""
    modules = {found.name for found in pkgutil.iter_modules(__path__)}
    return sorted(name.replace("_", "-") for name in modules if name.partition("_")[0] not in modules - {name})


def build_app(names: Iterable[str]) -> typer.Typer:
    """The application with these commands only: importing one that needs torch takes seconds."""
    app = typer.Typer(
        name="line-inspector",
        help="Inspects parts on a production line with a model that learned from good parts only.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_no_options)  # keeps the command's name on the command line where there is but one
    for name in names:
        importlib.import_module(f"{__name__}.{name.replace('-', '_')}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `line-inspector`: bad input ends in one line on standard error and EXIT_BAD_INPUT."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    asked = words[:1] if words[:1] and words[0] in command_names() else command_names()
    try:
        build_app(asked)(words)
    except InputError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except OSError as e:  # a folder without permission, a full disk: whatever no command had a better word for
        print(f"error: {e.filename or 'disk'}: {e.strerror or e}. Check path, permissions and disk", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)


def _no_options() -> None:
    pass
