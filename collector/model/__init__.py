"""Frozen records that travel between the stages; the standard library only.

Instants are ``int`` milliseconds since the epoch in UTC (``Instant``), because the device's own clock counts that way
and slot arithmetic must be exact; they become aware datetimes only where people read them. Intervals are half-open.
"""
