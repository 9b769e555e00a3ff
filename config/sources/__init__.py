"""Sources: the APIs that are polled, one model per kind.

``NsxtSource`` and ``NsxvSource`` have metering points; ``VcdSource`` knows whose they are.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from config.choice import ByKind
from config.sources.base import Source
from config.sources.nsxt import NsxtSource
from config.sources.nsxv import NsxvSource
from config.sources.vcd import VcdSource

__all__ = ["AnySource", "NsxtSource", "NsxvSource", "Source", "VcdSource"]

_BY_KIND = ByKind(
    {"nsxt": NsxtSource, "vcd": VcdSource, "nsxv": NsxvSource},
    known_better={"nsx": "nsxt", "vcda": None, "extender": None},
)

AnySource: TypeAlias = Annotated[NsxtSource | VcdSource | NsxvSource, _BY_KIND]
"""A source of any kind; ``kind`` tells which."""
