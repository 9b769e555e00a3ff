"""Figures with the floor measured beside them."""
