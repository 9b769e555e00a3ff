"""Lines of the line protocol, two for each row: joined from cached tags and whole numbers.

Source: InfluxDB line protocol reference: tags sorted by key; comma, equals sign and space escaped in tag values; a
value can neither be empty, nor end in a backslash, nor hold a line feed; integers are 64-bit with a sign, ``i`` behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.model.period import MS_PER_SECOND
from collector.model.usage import ExportRow
from exporters.base import Unfit

MEASUREMENT: Final = "northmeter_usage"

INTEGER_MAX: Final = 2**63 - 1
"""Greatest integer field. Source: InfluxDB line protocol reference, data types."""

ACCOUNTS_MAX: Final = 100_000
"""Accounts whose tags are kept, at some 300 bytes each; with more, all are dropped and built again."""

_ESCAPES: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


class LineBuilder:
    """Builds lines of one site.

    Args:
        site: The tag ``site``.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._tags: dict[int, str] = {}
        self._faults: dict[int, str] = {}

    def build(self, rows: Sequence[ExportRow]) -> tuple[list[str], list[Unfit]]:
        """Return the lines of rows, in order, ingress before egress, and those that the protocol cannot carry."""
        lines: list[str] = []
        unfit: list[Unfit] = []
        known = self._tags
        for row in rows:
            usage = row.usage
            if usage is None:
                continue
            tags = known.get(row.account) or self._learn(row)
            measured, inferred, spread = row.coverage
            end = f"i,measured_ms={measured}i,inferred_ms={inferred}i,spread_ms={spread}i {row.slot // MS_PER_SECOND}"
            a, b, c, d, e, f = usage
            both = (
                f"{MEASUREMENT},direction=ingress{tags} bytes={a}i,packets={c}i,dropped_packets={e}{end}",
                f"{MEASUREMENT},direction=egress{tags} bytes={b}i,packets={d}i,dropped_packets={f}{end}",
            )
            # No number is negative, so the union of their bits is greater than the limit if one of them is.
            if (a | b | c | d | e | f) > INTEGER_MAX or row.account in self._faults:
                for line, numbers in zip(both, ((a, c, e), (b, d, f)), strict=True):
                    reason = self._fault(row, numbers)
                    if reason:
                        unfit.append(Unfit(line, reason))
                    else:
                        lines.append(line)
            else:
                lines += both
        return lines, unfit

    def _fault(self, row: ExportRow, numbers: tuple[int, int, int]) -> str:
        if max(numbers) > INTEGER_MAX:
            return f"{max(numbers)} is above {INTEGER_MAX}, the greatest integer of InfluxDB"
        return self._faults.get(row.account, "")

    def _learn(self, row: ExportRow) -> str:
        """Return the tags of an account, and keep them; note what the protocol cannot carry."""
        if len(self._tags) >= ACCOUNTS_MAX:
            self._tags.clear()
            self._faults.clear()
        values = {"kind": row.kind.value, "point": row.point, "site": self._site, "tenant": row.tenant}
        faults = [f"tag {name}: {oddity(value)}" for name, value in values.items() if oddity(value)]
        if faults:
            self._faults[row.account] = "; ".join(faults)
        tags = "".join(f",{name}={shown(value)}" for name, value in values.items())
        self._tags[row.account] = tags
        return tags


def shown(value: str) -> str:
    """Return a value escaped; what cannot be carried is shown in a way that can be stored with the reason."""
    text = value.encode(errors="backslashreplace").decode()
    return text.replace("\r", r"\r").replace("\n", r"\n").translate(_ESCAPES)


def oddity(value: str) -> str:
    """Return why a tag cannot have this value; empty when it can."""
    if not value:
        return "is empty"
    if value.endswith("\\"):
        return "ends in a backslash, which would escape what follows"
    if "\n" in value or "\r" in value:
        return "has a line break"
    if not value.isascii() and value != value.encode(errors="replace").decode():
        return "is not valid Unicode"
    return ""
