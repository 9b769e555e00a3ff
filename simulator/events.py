"""What can go wrong, as one record: in a scenario's ``events``, in ``Simulator.fault`` and in ``POST /sim/fault``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.nsxv_specs import EdgeSpec
from simulator.specs import ServiceInterfaceSpec, Tier1Spec
from simulator.units import DurationMs
from simulator.vcd.spoils import SPOILS

EffectKind = Literal[
    "error", "throttle", "unavailable", "invalid_path", "no_edge_node", "not_found", "session_expired", "unauthorized",
    "redirect", "html", "truncated", "cut", "oversized", "slow", "hang", "connection_reset",
    "drop_node_id", "no_rows", "empty_rows", "drop_row", "drop_fields", "freeze", "glitch", "older_timestamp",
    "conflict", "spike", "empty_summary_ids", "null_cursor", "short_list",
    "alarm", "late_sample", "repeat_samples", "bad_value", "spoil",
]  # fmt: skip
ActionKind = Literal[
    "reset", "failover", "node_down", "node_up", "node_remove", "node_add", "node_replace", "relocate", "recreate_port",
    "add_tier1", "add_interface", "delete", "recreate", "move", "clock_jump", "expire_sessions", "manager_down",
    "manager_up", "set_version", "set_limits", "clear",
    "tunnel_down", "tunnel_up", "reset_session", "edge_add", "edge_rename", "edge_delete", "edge_failover",
    "vcd_down", "vcd_up", "vcd_rotate_token", "vcd_move", "vcd_reconnect", "vcd_rename", "vcd_delete", "vcd_recreate",
    "vcd_add", "vcd_add_uplink", "vcd_remove_uplink", "vcd_connect", "vcd_disconnect", "vcd_delete_org", "vcd_add_org",
    "vcd_dedicate", "vcd_share", "vcd_allocate", "vcd_release", "vcd_use",
]  # fmt: skip

ROW_KINDS: Final = frozenset(
    {
        "drop_node_id", "no_rows", "empty_rows", "drop_row", "drop_fields", "freeze", "glitch", "older_timestamp",
        "conflict", "spike", "empty_summary_ids", "alarm", "late_sample", "repeat_samples", "bad_value",
    }
)  # fmt: skip
HOOKS: Final = ("expire_sessions", "manager_down", "manager_up", "vcd_down", "vcd_up", "vcd_rotate_token")
"""Actions that listeners do."""

LIST_KINDS: Final = frozenset({"null_cursor", "short_list"})
ACTION_KINDS: Final = frozenset(ActionKind.__args__)  # type: ignore[attr-defined]  # a Literal has them at run time

_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "error": ("status",),
    "drop_fields": ("fields",),
    "reset": ("node",),
    "failover": ("path",),
    "node_down": ("node",),
    "node_up": ("node",),
    "node_remove": ("node",),
    "node_add": ("node",),
    "node_replace": ("node",),
    "relocate": ("path", "node"),
    "recreate_port": ("path",),
    "add_tier1": ("tier1",),
    "add_interface": ("path", "interface"),
    "delete": ("path",),
    "recreate": ("path",),
    "move": ("path", "to"),
    "manager_down": ("manager",),
    "manager_up": ("manager",),
    "set_version": ("version",),
    "bad_value": ("fields",),
    "tunnel_down": ("path",),
    "tunnel_up": ("path",),
    "reset_session": ("path",),
    "edge_add": ("edge",),
    "edge_rename": ("path", "to"),
    "edge_delete": ("path",),
    "edge_failover": ("path",),
    "spoil": ("how",),
    "vcd_move": ("path", "to"),
    "vcd_reconnect": ("path", "to"),
    "vcd_rename": ("path", "to"),
    "vcd_delete": ("path",),
    "vcd_recreate": ("path",),
    "vcd_add": ("path", "to"),
    "vcd_add_uplink": ("path",),
    "vcd_remove_uplink": ("path", "to"),
    "vcd_connect": ("path",),
    "vcd_disconnect": ("path",),
    "vcd_delete_org": ("path",),
    "vcd_add_org": ("path",),
    "vcd_dedicate": ("path", "to"),
    "vcd_share": ("path",),
    "vcd_allocate": ("path", "to"),
    "vcd_release": ("path",),
    "vcd_use": ("path",),
}


class Fault(BaseModel):
    """One misbehaviour: a change of the provider, or an effect on answers for a time or a number of requests.

    Attributes:
        do: What happens.
        at: When, after the scenario's start; now, if absent.
        for_: How long an effect lasts in simulated time; written ``for``. Without it, until cleared or used up.
        count: An effect ends after so many uses.
        after_requests: An effect or a change waits for so many statistics requests: a reset in the middle of a poll.
        percent: The share of requests that an effect touches.
        label: A name to clear it by.
        path: A policy path, a short name (``t1-acme``, ``t1-acme/csp``), or, for effects, a pattern with ``*``. Of the
            director: a reference, a name, or what backs the object; of effects its paths, ``*/edgeGateways``.
        node: ``cluster/index`` or the node's id.
        manager: One manager only.
        endpoint: The requests that an effect touches.
        fields: For ``drop_fields``: ``rx``, ``tx``, ``last_update_timestamp``, ``transport_node_id``, or
            ``rx.total_bytes`` and its like; of an NSX-V sample ``in``, ``out``, ``vnic``, ``timestamp``, and of its
            answer ``interval``, ``startTime``, ``endTime``.
        text: What ``bad_value`` writes in place of a member's value; which kind of addresses ``vcd_allocate`` gives.
        how: Which wrong or half answer ``spoil`` makes of the director's.
        to: Where something moves, or what it is called from now on.
        nsx: Whether NSX follows what is done in the director.
        by: How far a timestamp goes back, how long an answer takes (real time), how long an edge keeps no samples
            after a failover, or how old a stale list is.
        amount: What ``spike`` and ``conflict`` add to each counter; what ``short_list`` leaves out.
        rows: What a node that is down still shows.
        to: Where something moves: another gateway, another name, for ``failover`` another site.
        refresh: Whether the node's cached values are renewed at the same instant.
        new_create_time: Whether a re-created port's object shows a new ``_create_time``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    do: Literal[EffectKind, ActionKind]
    at: DurationMs | None = None
    for_: Annotated[DurationMs | None, Field(alias="for")] = None
    count: int | None = Field(None, ge=1)
    after_requests: int = Field(0, ge=0)
    percent: int = Field(100, ge=1, le=100)
    label: str | None = None
    path: str | None = None
    node: str | None = None
    manager: str | None = None
    endpoint: Literal["any", "login", "inventory", "statistics"] | None = None
    status: int | None = Field(None, ge=100, le=599)
    code: int | None = None
    code_as: Literal["integer", "string"] = "integer"
    body: Literal["json", "html", "text"] = "json"
    location: str | None = None
    size_bytes: int = Field(64 * 2**20, ge=1, le=2**30)
    fields: list[str] = Field(default_factory=list)
    text: str = ""
    how: str | None = None
    nsx: bool = True
    by: DurationMs = 60_000
    amount: int = 10**15
    rows: Literal["missing", "stale"] = "missing"
    reset: bool = True
    refresh: bool = False
    new_create_time: bool = True
    to: str | None = None
    manager_offset: DurationMs = 0
    device_offset: DurationMs = 0
    version: str | None = None
    requests_per_second: int | None = Field(None, ge=0)
    concurrency: int | None = Field(None, ge=0)
    tier1: Tier1Spec | None = None
    interface: ServiceInterfaceSpec | None = None
    edge: EdgeSpec | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Fault:
        missing = [name for name in _NEEDS.get(self.do, ()) if not getattr(self, name)]
        if missing:
            raise ValueError(f"{self.do} needs {', '.join(missing)}")
        if self.how is not None and self.how not in SPOILS:
            raise ValueError(f"no wrong answer {self.how!r}; known: {', '.join(sorted(SPOILS))}")
        return self

    @property
    def is_action(self) -> bool:
        """Whether it changes the provider once, rather than answers for a time."""
        return self.do in ACTION_KINDS
