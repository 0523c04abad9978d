"""One product of a data set: what it is called, its good images to learn from, its labelled images to be judged by."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from line_inspector.datasets.labelled_image import LabelledImage


@dataclass(frozen=True)
class Layout:
    """How one data set is distributed.

    `is_product` says whether a folder is a product of this layout, by a look at its folders and names. `good_images`
    lists the good images to train on, `test_images` the labelled ones, good ones first; both raise InputError where
    something is missing, empty or contradictory.
    """

    name: str
    is_product: Callable[[Path], bool]
    good_images: Callable[[Path], list[Path]]
    test_images: Callable[[Path], list[LabelledImage]]


@dataclass(frozen=True)
class Product:
    """A product by the name under which a report shows it."""

    name: str
    layout: Layout
    folder: Path

    def good_images(self) -> list[Path]:
        """As Layout's."""
        return self.layout.good_images(self.folder)

    def test_images(self) -> list[LabelledImage]:
        """As Layout's."""
        return self.layout.test_images(self.folder)
