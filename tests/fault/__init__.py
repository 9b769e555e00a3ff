"""Kills, full disks, torn writes: afterwards everything is as if nothing had happened, or refused with clear words."""
