"""Recorded inputs and the answers to them."""
