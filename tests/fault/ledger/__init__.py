"""The ledger under fire."""
