"""Packages that only some installations have."""

import importlib
from typing import Any

from line_inspector.errors import InputError


def import_extra(module: str, extra: str) -> Any:
    """Import a package of the extra `extra` in pyproject.toml. Raises InputError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        remedy = f"Install the extra: pip install 'line-inspector[{extra}]'"
        raise InputError(f"{module} is not installed ({e})", f"extra {extra}", remedy) from e
