"""The ledger: the only truth about usage, and the only queue of the exporters.

It owns how usage, baselines, events and publications are kept and found again. It refuses to decide anything about
money: what to book, split or publish comes in as a batch.

Invariants:
    - A batch is stored in one transaction under its id, or not at all; a known id changes nothing.
    - The total of an account is the sum of everything ever booked to its slots, pruned ones included.
    - What was committed survives a power cut (docs/adr/0003-ledger-sqlite.md).
    - An unreadable, foreign or newer file is refused, never replaced.
"""
