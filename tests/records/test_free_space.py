"""The limit is judged by the real disk, which is asked at most once a second."""

from line_inspector.records.free_space import ASK_EVERY_NS, FreeSpace


def test_the_answer_is_a_second_old_at_most(small_disk):
    space = FreeSpace(small_disk.folder / "to be made", 0.4)
    assert space.shortage(0) == ""
    small_disk.fill()
    assert space.shortage(ASK_EVERY_NS - 1) == ""
    assert space.shortage(ASK_EVERY_NS) == "0.0 MB are free, less than 0.4 MB"
    small_disk.free()
    assert space.shortage(2 * ASK_EVERY_NS - 1) == "0.0 MB are free, less than 0.4 MB"
    assert space.shortage(2 * ASK_EVERY_NS) == ""


def test_no_limit_is_met_by_a_full_disk(small_disk):
    small_disk.fill()
    assert FreeSpace(small_disk.folder, 0).shortage(0) == ""


def test_a_place_that_cannot_be_a_folder_is_judged_by_the_disk_it_lies_on(tmp_path):
    (tmp_path / "file").touch()
    assert FreeSpace(tmp_path / "file" / "archive", 1e12).shortage(0)
    assert not FreeSpace(tmp_path / "file" / "archive", 1e-9).shortage(0)
