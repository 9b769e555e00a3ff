"""Destinations of usage: what is scraped (``prometheus``) and what is sent (``base``, ``influxdb``).

Everything here reads: the ledger is the truth, an exporter is a durable cursor over it, and no destination can change a
number. A destination that is away costs nothing but the catching up, and one that misbehaves never stops a poll.
"""
