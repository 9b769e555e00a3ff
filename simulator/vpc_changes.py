"""Changes of VPCs: deletion, and one that is made again."""

from __future__ import annotations

from simulator.provider import Provider
from simulator.specs import VpcSpec
from simulator.truth import Truth
from simulator.units import Instant
from simulator.vpcs import Vpc, open_vpc


class VpcChanges:
    """Applies changes of VPCs at simulated instants.

    Args:
        provider: Whose VPCs are changed.
        truth: Is told what is lost.
    """

    def __init__(self, provider: Provider, truth: Truth) -> None:
        self._provider = provider
        self._truth = truth
        self._removed: dict[str, Vpc] = {}

    def delete(self, name: str, at: Instant) -> bool:
        """Delete a VPC; return whether the name is one's.

        Raises:
            ValueError: It is a transit gateway with VPCs behind it.
        """
        vpc = next((vpc for vpc in self._provider.vpcs.values() if name in (vpc.path, vpc.id)), None)
        if vpc is None:
            return False
        behind = [one.id for one in self._provider.vpcs.values() if one.transit is vpc]
        if behind:
            raise ValueError(f"{vpc.path} has {len(behind)} VPCs behind it; delete them first")
        for port in vpc.ports:
            self._provider.close_port(f"{port.point}|{port.end}", at)
            for node in port.counters:
                self._truth.lose(port, node, at, "removed")
        mine = {id(flow) for flow in vpc.flows}
        self._provider.flows = [flow for flow in self._provider.flows if id(flow) not in mine]
        del self._provider.vpcs[vpc.path]
        self._removed[vpc.path] = vpc
        return True

    def recreate(self, name: str, at: Instant) -> bool:
        """Make a VPC again that exists or was deleted; return whether the name is one's."""
        self.delete(name, at)
        for path, vpc in self._removed.items():
            if name in (path, vpc.id) and isinstance(vpc.spec, VpcSpec):
                del self._removed[path]
                open_vpc(self._provider, vpc.spec, at)
                return True
        return False
