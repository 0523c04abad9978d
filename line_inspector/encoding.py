"""How a message goes over the wire: frozen typed structs on MessagePack, under a version and a checksum.

The first byte is FORMAT_VERSION, the next four are the checksum of what follows, so that a message damaged on its way
is no other message; a reader refuses any other version, a wrong checksum and anything malformed with MalformedMessage,
which the bus counts.
"""

import zlib
from functools import cache
from typing import Annotated, TypeVar

import msgspec

FORMAT_VERSION = 2

# A moment that everything downstream can compute with; CLOCK_MONOTONIC reaches a quarter of it in 36 years.
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Uncertainty = Annotated[int, msgspec.Meta(ge=0, le=10**9)]  # nanoseconds


class MalformedMessage(Exception):
    """Bytes that are not a message of the expected type and version."""


class Message(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """Base of all messages; encoded as an array, so field order is part of the format."""


M = TypeVar("M", bound=Message)

_encoder = msgspec.msgpack.Encoder()
_decoder = cache(msgspec.msgpack.Decoder)


def encode(message: Message) -> bytes:
    """The message on the wire: one version byte, its CRC-32 (4 bytes, little-endian), then MessagePack."""
    return sealed(_encoder.encode(message))


def decode(data: bytes, kind: type[M]) -> M:
    """The message in `data`. Raises MalformedMessage for another version, another type, or damage."""
    try:
        message = _decoder(kind).decode(unsealed(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise MalformedMessage(f"not a {kind.__name__}: {e}") from e
    assert isinstance(message, kind)
    return message


def sealed(body: bytes) -> bytes:
    """MessagePack as it goes onto the wire."""
    return bytes((FORMAT_VERSION,)) + zlib.crc32(body).to_bytes(4, "little") + body


def unsealed(data: bytes) -> memoryview:
    """The MessagePack in what came off the wire. Raises MalformedMessage for another version and for damage."""
    if data[:1] != bytes((FORMAT_VERSION,)):
        raise MalformedMessage(f"version {data[:1].hex() or 'missing'}, expected {FORMAT_VERSION:02x}")
    body = memoryview(data)[5:]
    if data[1:5] != zlib.crc32(body).to_bytes(4, "little"):
        raise MalformedMessage("its checksum is wrong: it was damaged on its way")
    return body
