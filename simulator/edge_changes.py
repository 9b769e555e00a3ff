"""Changes of the NSX-V manager's edges."""

from __future__ import annotations

from simulator.edges import Edges
from simulator.events import Fault
from simulator.provider import Provider
from simulator.units import Instant


class EdgeChanges:
    """Applies changes of edges at simulated instants.

    Args:
        provider: Whose edges are changed.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def _edges(self) -> Edges:
        if self._provider.edges is None:
            raise LookupError("the scenario has no NSX-V manager")
        return self._provider.edges

    def do_edge_add(self, fault: Fault, at: Instant) -> None:
        """Make an edge."""
        if fault.edge is not None:
            self._edges.add(fault.edge, at)

    def do_edge_rename(self, fault: Fault, at: Instant) -> None:
        """Give an edge another name."""
        self._edges.rename(fault.path or "", fault.to or "")

    def do_edge_delete(self, fault: Fault, at: Instant) -> None:
        """Delete an edge."""
        self._edges.delete(fault.path or "", at)

    def do_edge_failover(self, fault: Fault, at: Instant) -> None:
        """Let an edge's other appliance take over; statistics lack for ``by``."""
        self._edges.failover(fault.path or "", at, fault.by)
