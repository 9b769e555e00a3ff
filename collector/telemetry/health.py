"""Whether the daemon can do its work, part by part: what ``/-/ready`` answers."""

from __future__ import annotations


class Health:
    """State of the parts; a part that was never set holds nothing up.

    The daemon is ready when every part that was announced is well: the ledger is open and writable, the listener
    bound, and each source was tried once.
    """

    def __init__(self) -> None:
        self._faults: dict[str, str] = {}

    def fault(self, part: str, reason: str) -> None:
        """Say that a part is not well, and why, in words without a secret."""
        self._faults[part] = reason

    def well(self, part: str) -> None:
        """Say that a part is well."""
        self._faults.pop(part, None)

    @property
    def faults(self) -> dict[str, str]:
        """Part → reason, for every part that is not well."""
        return dict(self._faults)

    @property
    def ready(self) -> bool:
        """True when nothing is wrong."""
        return not self._faults
