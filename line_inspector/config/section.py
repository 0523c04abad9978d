"""What all sections are made of: their base, and values that more than one of them holds."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$")]

LONGEST_PATH_BYTES = 3000  # of the 4096 that Linux takes: the folder of the line file comes before it
LONGEST_NAME_BYTES = 255
LONGEST_TEXT = 4096


def _expand(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    try:
        expanded = path.expanduser()
        lengths = [len(os.fsencode(part)) for part in expanded.parts]
    except RuntimeError as e:
        raise ValueError(f"{e}") from e
    if sum(lengths) + len(lengths) > LONGEST_PATH_BYTES or max(lengths, default=0) > LONGEST_NAME_BYTES:
        raise ValueError(f"a path has at most {LONGEST_PATH_BYTES} bytes, and each name in it {LONGEST_NAME_BYTES}")
    return expanded


FilePath = Annotated[Path, AfterValidator(_expand)]


class Section(BaseModel):
    """Base of all sections: frozen; a misspelt key is an error, and so is a text without end or with half a character.

    It is the bound on length that makes pydantic look at a text's characters at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), str_max_length=LONGEST_TEXT)
