"""Reads a line file: YAML to a validated Line, with the file's line number in every complaint. Writes one."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from line_inspector.config import Line, Section
from line_inspector.errors import InputError

Place = tuple[int | str, ...]
LIKE_A_TIME = re.compile(r"\d+(:\d+)+")  # in quotes even where YAML needs none: who changes 02:30 to 22:30 would


def read_line_file(path: Path) -> Line:
    """The line described in `path`, its relative paths taken from the file's folder. Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(f"cannot read the line file ({e})", str(path), "Check the path") from e
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as e:  # ValueError: a date that is none, such as 2024-99-99
        mark = getattr(e, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(e, "problem", None) or str(e).splitlines()[0]
        raise InputError(f"not YAML ({problem})", where, "Mend the syntax") from e
    if not isinstance(data, dict):
        raise InputError("holds no mapping of keys", str(path), "Start from config/line.yaml")
    _refuse_ambiguity(node, path, {})
    return parse_line(data, path, node)


def write_document(document: Mapping[str, Any], path: Path) -> Path:
    """Writes the keys of a line as a line file, a time of day in quotes; returns its path."""
    path.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
    return path


def parse_line(data: dict[str, Any], path: Path, node: yaml.Node | None = None) -> Line:
    """Validates `data` as if it had been read from `path`. Raises InputError naming the first fault and its line."""
    try:
        line = Line.model_validate(data)
    except ValidationError as e:
        errors = sorted(
            e.errors(), key=lambda error: error["type"] != "extra_forbidden"
        )  # a misspelt key explains most
        raise _complaint(errors[0], path, node) from e
    anchored: Line = _anchored(line, path.resolve().parent)
    return anchored


def _refuse_ambiguity(node: yaml.Node | None, path: Path, looked_at: dict[int, bool]) -> None:
    """Raises InputError for a key that is there twice, and for a mapping inside itself.

    YAML readers keep the last of two equal keys and say nothing; a person would not know which one holds. `looked_at`
    says of each mapping met so far whether all of it is done: an anchor used many times is looked at once.
    """
    if not isinstance(node, yaml.MappingNode) or looked_at.get(id(node)):
        return
    if id(node) in looked_at:
        raise InputError("an anchor refers to itself", f"{path}:{node.start_mark.line + 1}", "Write the values out")
    looked_at[id(node)] = False
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            where = f"{path}:{key.start_mark.line + 1}"
            raise InputError(f"key '{key.value}' is there twice", where, "Remove one of the two")
        seen.add(key.value)
        _refuse_ambiguity(value, path, looked_at)
    looked_at[id(node)] = True


def _complaint(error: ErrorDetails, path: Path, node: yaml.Node | None) -> InputError:
    place = _place_in_file(error["loc"])
    if error["type"] == "union_tag_not_found":
        place = (*place, "kind")
    where = f"{path}:{_yaml_line(node, place)}"
    key = ".".join(str(part) for part in place) or "the whole file"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _keys_at(error["loc"][:-1]), n=1, cutoff=0.0)
        return InputError(f"unknown key '{key}'", where, f"Did you mean '{near[0]}'?" if near else "Remove it")
    if error["type"] in ("missing", "union_tag_not_found"):
        return InputError(f"key '{key}' is missing", where, "Add it; config/line.yaml explains every key")
    half = error["type"] == "string_unicode"  # what "\ud800" writes: no file, database or screen takes it
    problem = "a text holds half of a character" if half else error["msg"].removeprefix("Value error, ")
    return InputError(f"'{key}': {problem}", where, "config/line.yaml explains every key and its bounds")


def _place_in_file(place: Sequence[int | str]) -> Place:
    """Pydantic puts the discriminator's value into the place of an error; the YAML file has no such level."""
    kept: list[int | str] = []
    section: Any = Line
    for part in place:
        if len(_sections_in(section)) < 2:
            kept.append(part)
        section = _child(section, part)
    return tuple(kept)


def _yaml_line(node: yaml.Node | None, place: Place) -> int:
    line = node.start_mark.line + 1 if node else 1
    for part in place:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == str(part):
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line


def _keys_at(place: Place) -> list[str]:
    """Keys that the section at `place` knows; `place` is pydantic's own, with union tags."""
    section: Any = Line
    for part in place:
        section = _child(section, part)
    known = _sections_in(section)
    return list(known[0].model_fields) if len(known) == 1 and get_origin(section) is not dict else []


def _child(kind: Any, part: int | str) -> Any:
    """What `part` leads to: a field of a section, an entry of a mapping, or one member of a union by its tag."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_fields[str(part)].annotation if part in kind.model_fields else None
    sections = _sections_in(kind)
    if len(sections) > 1:
        tagged = [section for section in sections if part in get_args(section.model_fields["kind"].annotation)]
        return tagged[0] if tagged else None
    if not sections:
        return None
    return sections[0] if get_origin(kind) is dict else _child(sections[0], part)


def _sections_in(kind: Any) -> list[type[Section]]:
    return [leaf for leaf in _flatten(kind) if isinstance(leaf, type) and issubclass(leaf, Section)]


def _flatten(kind: Any) -> list[Any]:
    inner = get_args(kind)
    return [kind] if not inner else [leaf for part in inner for leaf in _flatten(part)]


def _anchored(section: Any, base: Path) -> Any:
    """The section with every relative FilePath in it made absolute, from `base`."""
    changes: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = (base / value).resolve()
        elif isinstance(value, BaseModel):
            changes[name] = _anchored(value, base)
        elif isinstance(value, dict):
            sections = {key: item for key, item in value.items() if isinstance(item, BaseModel)}
            changes[name] = {**value, **{key: _anchored(item, base) for key, item in sections.items()}}
    return section.model_copy(update=changes)


class _Dumper(yaml.SafeDumper):
    """Safe, and with quotes where a person who edits the file is going to need them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if LIKE_A_TIME.fullmatch(text) else None)


_Dumper.add_representer(str, _text)
