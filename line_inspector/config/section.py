"""What all sections are made of: their base, and values that more than one of them holds."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$")]

LONGEST_PATH_BYTES = 3000  # of the 4096 that Linux takes: the folder of the line file comes before it
LONGEST_NAME_BYTES = 255


def _expand(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    try:
        expanded = path.expanduser()
        lengths = [len(os.fsencode(part)) for part in expanded.parts]
    except RuntimeError as e:
        raise ValueError(f"{e}") from e
    except UnicodeEncodeError as e:
        raise ValueError("a path holds only characters that a file's name can have") from e
    if sum(lengths) + len(lengths) > LONGEST_PATH_BYTES or max(lengths, default=0) > LONGEST_NAME_BYTES:
        raise ValueError(f"a path has at most {LONGEST_PATH_BYTES} bytes, and each name in it {LONGEST_NAME_BYTES}")
    return expanded


FilePath = Annotated[Path, AfterValidator(_expand)]


class Section(BaseModel):
    """Base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
