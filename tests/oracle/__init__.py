"""The accounting rules once more, slow and literal, to judge the code by.

Owns a second reading of the rules of docs/accounting.md: the table of samples (``rules``), the split of a delta at
slots and changes of owner (``shares``), and the coverage of a slot (``coverage``). It works on plain tuples and whole
numbers, folds whole histories from their beginning, and imports nothing of the daemon, so that a mistake is not made
twice.
"""
