"""Encoded pictures for the browsers, under keys that are never used twice, and never more than fit."""

import time
from collections import OrderedDict
from dataclasses import dataclass

LIVE_KEPT = 6  # per camera: a slow browser may still ask for a picture that is no longer the newest
REJECTS_KEPT = 24


@dataclass(frozen=True)
class Picture:
    """One part's picture as JPEG: as the camera saw it, and with heat map and outline."""

    plain: bytes
    marked: bytes


class Album:
    """Written by the feed's thread, read by the web server's: each access is one operation on a dict."""

    def __init__(self) -> None:
        self._run = f"{time.time_ns():x}"  # a browser must never find an earlier run's picture in its cache
        self._number = 0
        self._live: dict[str, OrderedDict[str, Picture]] = {}
        self._rejects: OrderedDict[str, Picture] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rejects) + sum(len(pages) for pages in self._live.values())

    def add(self, camera: str, picture: Picture, *, is_reject: bool) -> str:
        """Keeps the picture, longer if it is a reject's; the answer is its key."""
        self._number += 1
        key = f"{self._run}-{self._number}"
        _keep(self._live.setdefault(camera, OrderedDict()), key, picture, LIVE_KEPT)
        if is_reject:
            _keep(self._rejects, key, picture, REJECTS_KEPT)
        return key

    def get(self, key: str) -> Picture | None:
        """The picture, unless it is unknown or has made room for newer ones."""
        for pages in (self._rejects, *list(self._live.values())):
            if picture := pages.get(key):
                return picture
        return None


def _keep(pages: OrderedDict[str, Picture], key: str, picture: Picture, most: int) -> None:
    pages[key] = picture
    if len(pages) > most:
        pages.popitem(last=False)
