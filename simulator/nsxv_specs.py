"""What a scenario says about an NSX-V manager: its edges, their vNICs, and how it keeps and writes statistics."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from simulator.specs import GENERATED_MAX, Id, Spec
from simulator.units import DurationMs, RateBytes

VNICS_MAX: Final = 10
"""vNICs of an edge; the product's own maximum."""

EdgeId = Annotated[str, StringConstraints(pattern=r"^edge-[1-9][0-9]*$", max_length=20)]
VnicType = Literal["uplink", "internal", "trunk"]


class VnicSpec(Spec):
    """A vNIC of an edge.

    Attributes:
        rate: Traffic of an uplink; what passes the uplinks is spread over the other vNICs.
    """

    index: int = Field(ge=0, lt=VNICS_MAX)
    name: str
    type: VnicType = "internal"
    rate: RateBytes = 2_500_000


class EdgeSpec(Spec):
    """An edge gateway; a pair for high availability is one edge.

    Attributes:
        type: A ``distributedRouter`` is in the list too, and has no vNICs that count.
        gateway: The director's own id of it, which the proxy path names; made of the seed, if absent.
    """

    id: EdgeId
    name: str = ""
    tenant: Id | None = None
    ha: bool = True
    type: Literal["gatewayServices", "distributedRouter"] = "gatewayServices"
    gateway: str | None = None
    vnics: list[VnicSpec] = Field(
        default_factory=lambda: [
            VnicSpec(index=0, name="ext-internet", type="uplink"),
            VnicSpec(index=1, name="org-net", type="internal"),
        ]
    )

    @model_validator(mode="after")
    def _one_vnic_per_index(self) -> EdgeSpec:
        numbers = [vnic.index for vnic in self.vnics]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{self.id}: two vNICs have one index")
        if self.type == "distributedRouter" and "vnics" in self.model_fields_set:
            raise ValueError(f"{self.id}: a distributed router has no vNICs")
        return self


class GenerateEdgesSpec(Spec):
    """Edges to make by number, each with a tenant of its own; ids go on from the highest."""

    count: int = Field(ge=0, le=GENERATED_MAX)
    prefix: Id
    rate: RateBytes = 2_500_000


class NsxvSpec(Spec):
    """An NSX-V manager.

    Attributes:
        interval: Over how long a rate is averaged.
        keep: How long samples of that interval are held.
        coarse_interval: The interval of answers about older times; 0 has none.
        coarse_keep: How long coarse samples are held.
        publish_after: How long after the end of its interval a sample appears.
        decimals: Decimals of a rate as it is written.
        notation: ``plain`` writes 18423.51, ``exponent`` writes 1.842351e+04.
        asked_unit: The unit in which ``startTime`` and ``endTime`` are understood.
        sample_unit: The unit of the samples' timestamps.
        meta_unit: The unit of ``startTime`` and ``endTime`` in answers.
        namespace: The default namespace of XML answers; none, if empty.
        vnic_types: Whether vNICs tell their type.
    """

    name: Id = "nsxv-a"
    page_size_max: int = Field(256, ge=1, le=1_024)
    interval: DurationMs = 300_000
    keep: DurationMs = 86_400_000
    coarse_interval: DurationMs = 0
    coarse_keep: DurationMs = 30 * 86_400_000
    publish_after: DurationMs = 20_000
    decimals: int = Field(2, ge=0, le=15)
    notation: Literal["plain", "exponent"] = "plain"
    asked_unit: Literal["ms", "s", "any"] = "ms"
    sample_unit: Literal["ms", "s"] = "s"
    meta_unit: Literal["ms", "s"] = "s"
    namespace: str = ""
    vnic_types: bool = True
    edges: list[EdgeSpec] = Field(default_factory=list)
    generate: list[GenerateEdgesSpec] = Field(default_factory=list)

    @model_validator(mode="after")
    def _intervals_fit(self) -> NsxvSpec:
        if self.interval < 1_000 or self.interval % 1_000:
            raise ValueError("nsxv.interval must be whole seconds")
        if self.coarse_interval % self.interval:
            raise ValueError("nsxv.coarse_interval must be a multiple of the interval")
        return self
