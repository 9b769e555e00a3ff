"""Ledgers of past schemas."""
