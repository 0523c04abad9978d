"""The reference of the line file, read off its types: every key with type, unit, bounds, default and meaning."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from line_inspector.config import Line, Section

UNITS = {
    "_mm_s": "mm/s",
    "_mm": "mm",
    "_px": "px",
    "_mb": "MB",
    "_hz": "Hz",
    "_ms": "ms",
    "_us": "us",
    "_s": "s",
    "_days": "d",
    "_min": "min",
    "minutes": "min",
}
PATTERNS = {
    r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$": "letters, digits, _ and -, 1 to 32 of them, - not first",
    r"^opc\.tcp://[^\s/:]+(:\d{1,5})?(/\S*)?$": "opc.tcp://HOST:PORT/PATH",
    r"^[^{}]*\{name\}[^{}]*$": "with {name} once",
    r"^([01]\d|2[0-3]):[0-5]\d$": "HH:MM",
    r"^(local|tcp://\d{1,3}(\.\d{1,3}){3}:\d{1,5})$": "local or tcp://ADDRESS:PORT",
}


@dataclass(frozen=True)
class Key:
    """One key of the line file. `unit` and `bounds` are empty where there are none; so is `default` when required."""

    name: str
    kind: str
    unit: str
    bounds: str
    default: str
    meaning: str

    @property
    def facts(self) -> str:
        """What config/line.yaml says in brackets: unit, bounds, default."""
        default = f"default {self.default}" if self.default else "required"
        return "; ".join(part for part in (self.unit, self.bounds, default) if part)


@dataclass(frozen=True)
class SectionReference:
    """One section: where it stands, such as "`cameras.<name>.source`, kind video", and its keys in order."""

    title: str
    meaning: str
    keys: tuple[Key, ...]


def sections(root: type[Section] = Line, place: str = "") -> Iterator[SectionReference]:
    """The section and all sections below it, in the order of the file."""
    shown = _kind_of(root)
    title = f"`{place}`" if place else "The whole file"
    title += f", kind {shown}" if shown and place.endswith(("source", "trigger", "gate")) else ""
    keys = tuple(_key(name, field) for name, field in root.model_fields.items())
    yield SectionReference(title, _first_paragraph(root), keys)
    for name, field in root.model_fields.items():
        inner = f"{place}.{name}" if place else name
        for section in _inner_sections(field.annotation):
            yield from sections(section, f"{inner}.<name>" if get_origin(field.annotation) is dict else inner)


def _key(name: str, field: FieldInfo) -> Key:
    inner = _inner_sections(field.annotation)
    meaning = field.description or (_first_paragraph(inner[0]) if len(inner) == 1 else "")
    return Key(
        name=name,
        kind=_type_name(field.annotation),
        unit=next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), ""),
        bounds=_bounds(field),
        default=_default(field, is_section=bool(inner)),
        meaning=meaning.rstrip(".") or "what kind it is",
    )


def _type_name(annotation: Any) -> str:
    members = [member for member in get_args(annotation) if member is not types.NoneType]
    if _inner_sections(annotation):
        return "sections by name" if get_origin(annotation) is dict else "section"
    if get_origin(annotation) is dict:
        return f"{_type_name(members[1])}s by name"
    if get_origin(annotation) is Literal:
        return {str: "word", int: "whole number"}[type(members[0])]
    if get_origin(annotation) is dict:
        return f"{_type_name(members[1])} by name"
    if members:
        return _type_name(members[0])  # X | None, or a type with bounds
    return {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}[annotation]


def _bounds(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        words = [str(word) for word in get_args(field.annotation)]
        return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
    return ", ".join(filter(None, map(_bound, field.metadata)))


def _bound(limit: Any) -> str:
    match limit:
        case annotated_types.Gt(gt=value):
            return f"> {value}"
        case annotated_types.Ge(ge=value):
            return f">= {value}"
        case annotated_types.Lt(lt=value):
            return f"< {value}"
        case annotated_types.Le(le=value):
            return f"<= {value}"
        case annotated_types.MinLen(min_length=value):
            return f"at least {value}"
        case annotated_types.MaxLen(max_length=value):
            return f"at most {value}"
        case StringConstraints(pattern=str(pattern)):
            return PATTERNS[pattern]
    return ""


def _default(field: FieldInfo, is_section: bool) -> str:
    if field.is_required():
        return ""
    if field.default is None:
        return "none"
    if field.default == {}:
        return "none"
    if is_section:
        return "its keys' defaults"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def _inner_sections(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in _inner_sections(part)]


def _kind_of(section: type[Section]) -> str:
    kind = section.model_fields.get("kind")
    return str(get_args(kind.annotation)[0]) if kind else ""


def _first_paragraph(section: type[Section]) -> str:
    return (section.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
