"""Where the page is served: bad addresses end in one clear line before anything has started."""

import pytest

from line_inspector.errors import InputError
from line_inspector.overlay.server import address, listen


def test_port_0_takes_a_free_one_and_the_address_says_which() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert address(listener) == f"http://127.0.0.1:{port}"


def test_a_page_for_the_whole_network_is_found_from_this_machine_too() -> None:
    with listen("0.0.0.0", 0) as listener:
        assert address(listener).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("host", "complaint"),
    [("no-such-host.invalid", "unknown address"), ("192.0.2.1", "not an address of this machine")],
)
def test_a_wrong_host_is_refused(host: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        listen(host, 0)


def test_a_port_in_use_is_refused(free_port: int) -> None:
    with listen("127.0.0.1", free_port), pytest.raises(InputError, match="the port is in use"):
        listen("127.0.0.1", free_port)
