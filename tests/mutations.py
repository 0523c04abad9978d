"""Damage to files: what a bad disk, a bad network, a bad editor or a bad hand does to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

WORDS = (
    b"", b"null", b"-1", b"1e999", b"99999999999999999999", b"0.5", b'"', b"\\u0000", b"\\ud800", b"[]", b"{}", b"true",
    b"../../etc/passwd", b"\x00", b"\xff\xfe", b"\n", b",", b"NaN", b"a" * 5000, b"\xc3\x28",
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """One way to damage content: `kind` says how, `place` and `end` where, as shares of its length."""

    kind: str
    place: float
    end: float
    text: bytes

    def of(self, content: bytes, others: Sequence[bytes] = ()) -> bytes:
        """The damaged content, which may by chance be the same. `others` are files to take for this one."""
        at, until = sorted(int(share * len(content)) for share in (self.place, self.end))
        match self.kind:
            case "flip":
                flipped = bytearray(content)
                for offset, byte in enumerate(self.text):
                    if at + offset < len(flipped):
                        flipped[at + offset] ^= byte
                return bytes(flipped)
            case "truncate":
                return content[:at]
            case "remove":
                return content[:at] + content[until:]
            case "insert":
                return content[:at] + self.text + content[at:]
            case "overwrite":
                return content[:at] + self.text + content[at + len(self.text) :]
            case "repeat":
                return content[:until] + content[at:]
            case "replace":
                return self.text
            case "value":
                return _with_another_value(content, self.place, self.text)
            case "swap":
                return others[int(self.place * len(others)) % len(others)] if others else content
        raise ValueError(self.kind)


def damages() -> st.SearchStrategy[Damage]:
    """Every kind of damage, as likely as another."""
    kinds = ("flip", "truncate", "remove", "insert", "overwrite", "repeat", "replace", "value", "swap")
    share = st.floats(0.0, 1.0, exclude_max=True)
    text = st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=12))
    return st.builds(Damage, st.sampled_from(kinds), share, share, text)


def files_below(folder: Path) -> dict[Path, bytes]:
    """Every file with its content, by name."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _with_another_value(content: bytes, place: float, text: bytes) -> bytes:
    """For text: one of its numbers, words and quoted strings becomes another, and the rest stays well-formed."""
    values = list(re.finditer(rb'"[^"\n]*"|[\w.+/-]+', content[:20_000]))
    if not values:
        return text
    chosen = values[int(place * len(values))]
    return content[: chosen.start()] + text + content[chosen.end() :]
