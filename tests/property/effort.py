"""How many examples a property gets."""

from __future__ import annotations

from hypothesis import settings


def effort(factor: int = 1) -> settings:
    """Return the settings of the chosen profile with that many times its examples."""
    default = settings.default
    assert default is not None
    return settings(default, max_examples=default.max_examples * factor)
