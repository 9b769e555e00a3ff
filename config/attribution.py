"""How it is decided whose a metering point is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from pydantic import Field

from config.leaves import Flag, Label
from config.part import Part, Raw, lacking
from config.words import Finding, shown

Rule: TypeAlias = Literal["config", "vcd", "nsx_tag", "nsx_project"]


class Attribution(Part):
    """How it is decided whose a metering point is."""

    order: tuple[Rule, ...] = Field(
        ("config", "vcd", "nsx_tag", "nsx_project"),
        description="Rules, the first that names a tenant decides: `config` the points of these settings, `vcd` the "
        "organisation in VMware Cloud Director, `nsx_tag` a tag of the gateway or interface, `nsx_project` the NSX "
        "Project. A rule that is not named is not used.",
        examples=[["config", "vcd", "nsx_tag", "nsx_project"]],
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )
    nsx_tag_scope: Label = Field("tenant", description="Scope of the tag whose value names the tenant.")
    auto_tenants: Flag = Field(
        True,
        description="An organisation, tag or Project without a tenant of its own becomes one: its name is the id (what "
        "an id may not have becomes `-`) and the display name. Without it what such a rule finds is unattributed.",
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about an order that is empty or names a rule twice."""
        yield from lacking(raw, "order", "is empty, so that all traffic belongs to nobody; name one rule at least")
        order = raw.get("order")
        seen: set[object] = set()
        for position, rule in enumerate(order if isinstance(order, list | tuple) else ()):
            if isinstance(rule, str) and rule in seen:
                yield Finding(("order", position), f"names {shown(rule)} a second time; remove it")
            seen.add(rule if isinstance(rule, str) else None)
