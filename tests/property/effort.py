"""How many examples a property gets."""

from __future__ import annotations

from hypothesis import settings


def effort(factor: float = 1) -> settings:
    """Return the settings of the chosen profile with that many times its examples."""
    default = settings.default
    assert default is not None
    return settings(default, max_examples=max(5, int(default.max_examples * factor)))
