"""Records that the ledger keeps as bytes, because their counters reach 2^64 - 1 and no integer column holds that.

MessagePack carries unsigned 64-bit integers as they are; a record is the array of its fields, so fields may be added
at the end of a record with a default, and never moved.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec

from collector.model.usage import Detail, Evidence, SeriesState, Usage

SAMPLES_BYTES_MAX = 256 * 1024 * 1024
"""Greatest size of one batch's samples once inflated; a batch of 50 000 samples takes about 5 MiB."""

_DEFLATE_LEVEL = 1
"""Level 6 takes four times as long for samples that are a tenth smaller."""

_encoder = msgspec.msgpack.Encoder()
_states = msgspec.msgpack.Decoder(SeriesState)
_samples = msgspec.msgpack.Decoder(list[Evidence])
_numbers = msgspec.msgpack.Decoder(tuple[int, ...])
_usages = msgspec.msgpack.Decoder(Usage)
_details = msgspec.json.Decoder(dict[str, str | int | list[str] | None])

encode = _encoder.encode
decode_state = _states.decode
decode_usage = _usages.decode
decode_numbers = _numbers.decode


def encode_samples(evidence: Sequence[Evidence]) -> bytes:
    """Return the samples of a batch, deflated."""
    return zlib.compress(_encoder.encode(evidence), _DEFLATE_LEVEL)


def decode_samples(payload: bytes) -> list[Evidence]:
    """Return the samples of a batch. Raises zlib.error, ValueError or msgspec.MsgspecError on damaged bytes."""
    inflate = zlib.decompressobj()
    plain = inflate.decompress(payload, SAMPLES_BYTES_MAX)
    if not inflate.eof:
        raise ValueError(f"the samples are cut short or above {SAMPLES_BYTES_MAX} bytes")
    return _samples.decode(plain)


def encode_detail(detail: Detail) -> str:
    """Return an event's detail as JSON text."""
    return msgspec.json.encode(dict(detail)).decode()


def decode_detail(text: str) -> dict[str, str | int | list[str] | None]:
    """Return an event's detail."""
    return _details.decode(text)
