"""Exporters against the real programs."""
