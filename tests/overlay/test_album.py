"""Pictures for the browsers: found by key, never confused, never more than fit."""

from line_inspector.overlay.album import LIVE_KEPT, REJECTS_KEPT, Album, Picture


def picture(number: int) -> Picture:
    return Picture(b"plain %d" % number, b"marked %d" % number)


def test_a_reject_stays_longer_than_a_live_picture() -> None:
    album = Album()
    reject = album.add("top", picture(0), is_reject=True)
    accept = album.add("top", picture(1), is_reject=False)
    assert (album.get(reject), album.get(accept)) == (picture(0), picture(1))
    for number in range(LIVE_KEPT):
        album.add("top", picture(number), is_reject=False)
    assert album.get(reject) == picture(0)
    assert album.get(accept) is None


def test_the_album_never_holds_more_than_fits() -> None:
    album = Album()
    keys = [album.add(f"camera{n % 3}", picture(n), is_reject=n % 2 == 0) for n in range(1000)]
    assert len(album) == 3 * LIVE_KEPT + REJECTS_KEPT
    assert len(set(keys)) == 1000


def test_no_key_is_used_again_by_a_later_run() -> None:
    first, second = (Album().add("top", picture(0), is_reject=False) for _ in range(2))
    assert first != second
    assert Album().get(first) is None
