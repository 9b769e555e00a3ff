"""Destinations of usage: Prometheus and InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from config.addresses import WriteAddress
from config.leaves import FilePath, Flag, Hidden, Label, Name, duration, whole
from config.logins import one_secret
from config.part import Part, Raw, blocks, repeated
from config.tls import ClientTls
from config.words import Finding

INFLUXDB_MAX = 16
"""Most InfluxDB destinations; each has a cursor and a connection of its own."""

DEFAULT_NAME = "influxdb"

ONE_OR_LIST = "x-one-or-list"
"""Says in the JSON Schema that one block may stand for a list of one."""


class Prometheus(Part):
    """What `/metrics` shows."""

    points: Flag = Field(
        True,
        description="Series per metering point too, not only per tenant; with very many points turn it off.",
    )


class InfluxDb(Part):
    """A destination that takes the InfluxDB v2 write call: InfluxDB 2, InfluxDB 1.8, VictoriaMetrics."""

    name: Name = Field(DEFAULT_NAME, description="Name of the destination; its cursor is kept under it.")
    url: WriteAddress = Field(description="Address, perhaps with the path of a proxy.", examples=["http://influx:8086"])
    org: Label = Field(description="Organisation; InfluxDB 1.8 and VictoriaMetrics take any.", examples=["provider"])
    bucket: Label = Field(description="Bucket; for InfluxDB 1.8 `database/retention-policy`.", examples=["usage"])
    token: Hidden | None = Field(
        None, description="Token; for InfluxDB 1.8 `user:password`. None where none is asked for."
    )
    token_file: FilePath | None = Field(
        None, description="File with the token, in one line.", examples=["/run/secrets/influx"]
    )
    tls: ClientTls = Field(ClientTls(), description="How the destination's certificate is checked.")
    timeout_ms: Annotated[int, duration("100ms", "5m")] = Field(
        10_000, alias="timeout", description="Time for one write."
    )
    batch_lines: Annotated[int, whole(1, 50_000)] = Field(5_000, description="Most points in one write.")

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return a finding where the token is written twice."""
        return one_secret(raw, "token")


def _as_list(value: object) -> object:
    """Return one destination as a list of one."""
    return (value,) if isinstance(value, Mapping | InfluxDb) else value


class Exporters(Part):
    """Where usage goes. What is not named here is not written to."""

    prometheus: Prometheus = Field(Prometheus(), description="What `/metrics` shows.")
    influxdb: Annotated[tuple[InfluxDb, ...], Field(max_length=INFLUXDB_MAX), BeforeValidator(_as_list)] = Field(
        (),
        description="One destination, or a list of several with a name each.",
        json_schema_extra={ONE_OR_LIST: True},
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return a finding for each name that two destinations share."""
        return repeated(
            (
                (("influxdb", position, "name"), one.get("name", DEFAULT_NAME))
                for position, one in blocks(raw, "influxdb")
            ),
            ("exporters",),
        )
