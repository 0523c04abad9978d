from line_inspector.errors import InputError


def test_a_message_is_one_line_whatever_a_file_is_called() -> None:
    error = InputError("holds\nno image", "parts\r\nof today", "Name\u2028another.")
    assert str(error) == "parts of today: holds no image. Name another."
    assert error.where == "parts\r\nof today"
