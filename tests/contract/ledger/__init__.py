"""What a ledger is, whichever engine keeps it."""
