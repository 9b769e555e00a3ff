"""The rules of the numbers: pure functions over the model.

No I/O, no clock, no settings, no logger: everything that a rule rests on is an argument. The rules are those of
docs/accounting.md, in the same order.
"""
