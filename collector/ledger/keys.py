"""Keys of slots: one integer that says hour, account and slot of the hour, in this order.

A time-first table is written at its end; a tenant-first one is read in one piece. Hour first, then account, is
written nearly like the former and read nearly like the latter: docs/adr/0004-slot-key.md has the numbers.
"""

from __future__ import annotations

from collector.model.period import SLOT_MS, Instant

HOUR_MS = 3_600_000
SLOTS_PER_HOUR = HOUR_MS // SLOT_MS
SLOT_BITS = 4
"""Twelve slots of an hour need four bits."""

ACCOUNT_BITS = 32
HOUR_SHIFT = ACCOUNT_BITS + SLOT_BITS
ACCOUNT_MASK = (1 << ACCOUNT_BITS) - 1
SLOT_MASK = (1 << SLOT_BITS) - 1

SLOT_OF_KEY = f"((slot.key >> {HOUR_SHIFT}) * {SLOTS_PER_HOUR} + (slot.key & {SLOT_MASK}))"
"""SQL: number of slots between the epoch and the row."""

ACCOUNT_OF_KEY = f"((slot.key >> {SLOT_BITS}) & {ACCOUNT_MASK})"
"""SQL: the row's account."""


def pack(account: int, slot: Instant) -> int:
    """Return the key of an account's slot."""
    return slot // HOUR_MS << HOUR_SHIFT | account << SLOT_BITS | slot % HOUR_MS // SLOT_MS


def unpack(key: int) -> tuple[int, Instant]:
    """Return (account, start of the slot)."""
    slot = (key >> HOUR_SHIFT) * HOUR_MS + (key & SLOT_MASK) * SLOT_MS
    return key >> SLOT_BITS & ACCOUNT_MASK, slot


def first_key(slot: Instant) -> int:
    """Return the least key of the hour that ``slot`` lies in."""
    return slot // HOUR_MS << HOUR_SHIFT
