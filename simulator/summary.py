"""The truth as plain data, for the control API."""

from __future__ import annotations

from simulator.edge_samples import EdgeTruth
from simulator.provider import Provider
from simulator.truth import Both, Truth
from simulator.units import Instant
from simulator.vcd.owners import UNATTRIBUTED


def summary(
    truth: Truth, provider: Provider, edges: EdgeTruth | None, start: Instant, end: Instant, *, slots: bool
) -> dict[str, object]:
    """Return the truth of [start, end) in device time; counts are strings, they outgrow a double."""
    points: list[dict[str, object]] = []
    for point in truth.points():
        row: dict[str, object] = {
            "path": point.path, "kind": point.kind, "tenant": point.tenant,
            "total": _plain(truth.growth(point.path, start, end, kind=point.kind)),
            "nodes": {
                node: _plain(truth.growth(point.path, start, end, node=node, kind=point.kind))
                for node in truth.nodes(point.path, kind=point.kind)
            },
        }  # fmt: skip
        if slots:
            row["slots"] = [
                {"start": slot, **_plain(traffic)}
                for slot, traffic in truth.slots(point.path, start, end, kind=point.kind)
            ]
        if point.kind == "edge_interface" and edges is not None:
            row["billable"] = _plain(edges.billable(point.path, start, end))
        points.append(row)
    tenants: dict[str, dict[str, object]] = {}
    for spec in provider.scenario.tenants:
        tenants[spec.id] = {**_plain(truth.tenant(spec.id, start, end))}
        if slots:
            tenants[spec.id]["slots"] = [
                {"start": slot, **_plain(traffic)} for slot, traffic in truth.tenant_slots(spec.id, start, end)
            ]
    losses = [
        {
            "at": loss.at, "reason": loss.reason, "point": loss.point, "end": loss.end, "port_id": loss.port_id,
            "node": loss.node, "served": loss.served,
            "values": {name: str(value) for name, value in loss.values._asdict().items()},
        }
        for loss in truth.losses
    ]  # fmt: skip
    made = {"start": start, "end": end, "points": points, "tenants": tenants, "losses": losses}
    return made | _by_vcd(truth, provider, start, end)


def _by_vcd(truth: Truth, provider: Provider, start: Instant, end: Instant) -> dict[str, object]:
    """Return whose every point was by what the director knew, and what each tenant got of [start, end)."""
    cloud = provider.cloud
    if cloud is None:
        return {}
    names = [*(spec.id for spec in provider.scenario.tenants), UNATTRIBUTED]
    return {
        "owners": {path: [owned._asdict() for owned in truth.owner_history(path)] for path in cloud.owners},
        "by_vcd": {name: _plain(truth.tenant_by_vcd(name, start, end)) for name in names},
    }


def _plain(traffic: Both) -> dict[str, dict[str, str]]:
    return {
        direction: {name: str(value) for name, value in part._asdict().items()}
        for direction, part in traffic._asdict().items()
    }
