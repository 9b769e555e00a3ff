"""Lines of the line protocol for addresses: one for each tenant, space and type at each reading of a director.

A count that an integer field cannot hold is in a text field of another name, digit by digit: the usual IPv6 prefix has
2^64 addresses, and one field cannot be both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.model.addresses import AddressGroup, AddressReport
from collector.model.period import MS_PER_SECOND
from exporters.base import Unfit
from exporters.lines import INTEGER_MAX, oddity, shown

ADDRESSES_MEASUREMENT: Final = "northmeter_addresses"


def address_lines(site: str, reports: Sequence[AddressReport]) -> tuple[list[str], list[Unfit]]:
    """Return the lines of readings, in order, and those that the protocol cannot carry.

    Args:
        site: The tag ``site``.
        reports: The readings.
    """
    lines: list[str] = []
    unfit: list[Unfit] = []
    for report in reports:
        for group, (allocated, used) in sorted(report.counts.items()):
            tags = _tags(site, group)
            pairs = "".join(f",{name}={shown(value)}" for name, value in tags.items())
            fields = f"{_field('allocated', allocated)},{_field('used', used)}"
            line = f"{ADDRESSES_MEASUREMENT}{pairs} {fields} {report.at // MS_PER_SECOND}"
            faults = [f"tag {name}: {oddity(value)}" for name, value in tags.items() if oddity(value)]
            if faults:
                unfit.append(Unfit(line, "; ".join(faults)))
            else:
                lines.append(line)
    return lines, unfit


def _tags(site: str, group: AddressGroup) -> dict[str, str]:
    return {
        "site": site,
        "source": group.source,
        "space": group.space,
        "tenant": group.tenant,
        "type": group.kind.value,
    }


def _field(name: str, count: int) -> str:
    return f"{name}={count}i" if count <= INTEGER_MAX else f'{name}_text="{count}"'
