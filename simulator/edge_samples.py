"""What an NSX-V manager records of its edges: a rate per vNIC, direction and interval, and what is billable of it.

Rates are kilobits per second, averaged over the interval that ends at the sample's timestamp. They are written with
few decimals, so what is billable is not to the byte what was carried; both are known here.
Source: the vendor's RAML of the NSX-V API and the models of VMware Cloud on AWS, which has the same edge API: ``in``
is the rate received, ``out`` the rate sent, ``meta.interval`` the step in seconds. What happens to samples that are
older than the manager keeps them is not documented: here they are dropped, or answered with a coarser interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import Final, NamedTuple

from simulator.edges import Edge, Edges, Vnic
from simulator.provider import Provider
from simulator.truth import Both, Traffic, Truth
from simulator.units import Instant

BYTES_PER_KILOBIT: Final = 125
DIGITS: Final = 60
"""Digits of a decimal computation; more than any rate or product here has."""

CACHE_MAX: Final = 50_000
"""Samples that are kept so as not to compute them again."""


class EdgeSample(NamedTuple):
    """Rates of one vNIC over one interval.

    Attributes:
        path: The vNIC's.
        at: End of the interval, in device time.
        interval: Its length in seconds.
        rx: Kilobits per second received, as written.
        tx: Kilobits per second sent, as written.
    """

    path: str
    at: Instant
    interval: int
    rx: Decimal
    tx: Decimal

    def bytes_of(self, rate: Decimal) -> int:
        """Return the bytes that a rate of this sample stands for: rate x 1000 x interval / 8, half up, once."""
        with localcontext(prec=DIGITS):
            exact = rate * BYTES_PER_KILOBIT * self.interval
            return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


class Recorder:
    """The samples that the manager has recorded; a pure function of time and of what happened.

    Args:
        provider: The provider.
        edges: Its edges.
        truth: Knows what was carried.
    """

    def __init__(self, provider: Provider, edges: Edges, truth: Truth) -> None:
        self._provider = provider
        self._edges = edges
        self._truth = truth
        self._spec = edges.spec
        self._known: dict[tuple[str, Instant], EdgeSample] = {}
        self._changed: dict[tuple[str, Instant, int], EdgeSample] = {}

    def device_now(self, now: Instant) -> Instant:
        """Return what the edges' clock shows."""
        return now + self._provider.offsets_at(now).device

    def held_from(self, edge: Edge, now: Instant) -> Instant:
        """Return the oldest instant of which fine samples are held."""
        return max(self.device_now(now) - self._spec.keep, self._born(edge))

    def coarse_from(self, edge: Edge, now: Instant) -> Instant:
        """Return the oldest instant of which any samples are held."""
        if not self._spec.coarse_interval:
            return self.held_from(edge, now)
        return max(self.device_now(now) - max(self._spec.keep, self._spec.coarse_keep), self._born(edge))

    def _born(self, edge: Edge) -> Instant:
        return edge.born + self._provider.offsets_at(edge.born).device

    def fine(self, edge: Edge, vnic: Vnic, start: Instant, end: Instant, now: Instant) -> Iterator[EdgeSample]:
        """Yield the samples with start <= at <= end that have appeared by now, held or not, in order of time."""
        step = self._spec.interval
        newest = min(end, self.device_now(now) - self._spec.publish_after)
        for at in range(-(-start // step) * step, newest + 1, step):
            if self._recorded(edge, at):
                yield self._as_changed(self._sample(vnic, at))

    def coarse(self, edge: Edge, vnic: Vnic, start: Instant, end: Instant, now: Instant) -> Iterator[EdgeSample]:
        """Yield samples of the coarse interval: what the fine ones recorded, averaged over the whole of it."""
        step = self._spec.coarse_interval
        newest = min(end, self.device_now(now) - self._spec.publish_after)
        for at in range(-(-start // step) * step, newest + 1, step):
            parts = [one for one in range(at - step + self._spec.interval, at + 1, self._spec.interval)
                     if self._recorded(edge, one)]  # fmt: skip
            if parts:
                grown = [self._grown(vnic, one) for one in parts]
                made = self._made(vnic, at, step, sum(rx for rx, _ in grown), sum(tx for _, tx in grown))
                yield self._as_changed(made)

    def alter(self, sample: EdgeSample, by: int) -> EdgeSample:
        """Raise both rates of a recorded sample for good, and return it."""
        raised = sample._replace(rx=sample.rx + by, tx=sample.tx + by)
        self._changed[sample.path, sample.at, sample.interval] = raised
        return raised

    def _as_changed(self, sample: EdgeSample) -> EdgeSample:
        return self._changed.get((sample.path, sample.at, sample.interval), sample)

    def _recorded(self, edge: Edge, at: Instant) -> bool:
        """Return whether a fine sample exists: the edge was there for the whole interval, and nothing was amiss."""
        device = self._provider.offsets_at(at).device
        first, last = at - device - self._spec.interval, at - device
        if first < edge.born or (edge.died is not None and last > edge.died):
            return False
        return not any(gap.start < last and first < gap.end for gap in edge.gaps)

    def _grown(self, vnic: Vnic, at: Instant) -> tuple[int, int]:
        carried = self._truth.growth(vnic.point, at - self._spec.interval, at)
        return carried.ingress.bytes, carried.egress.bytes

    def _sample(self, vnic: Vnic, at: Instant) -> EdgeSample:
        known = self._known.get((vnic.point, at))
        if known is None:
            while len(self._known) >= CACHE_MAX:
                del self._known[next(iter(self._known))]
            known = self._known[vnic.point, at] = self._made(vnic, at, self._spec.interval, *self._grown(vnic, at))
        return known

    def _made(self, vnic: Vnic, at: Instant, interval: int, rx: int, tx: int) -> EdgeSample:
        seconds = interval // 1_000
        return EdgeSample(vnic.point, at, seconds, self._rate(rx, seconds), self._rate(tx, seconds))

    def _rate(self, count: int, seconds: int) -> Decimal:
        with localcontext(prec=DIGITS):
            rate = Decimal(count) / (BYTES_PER_KILOBIT * seconds)
            return rate.quantize(Decimal(1).scaleb(-self._spec.decimals), rounding=ROUND_HALF_EVEN)


class EdgeTruth:
    """What can be billed of the edges, and what was answered about them; an oracle asks here.

    Args:
        provider: The provider.
        edges: Its edges.
        recorder: What the manager records.
        served_max: Distinct samples that are kept; the oldest go first, and 0 keeps none.
    Attributes:
        served: Every sample that was ever answered, by path, end and interval in seconds, as it was first answered.
    """

    def __init__(self, provider: Provider, edges: Edges, recorder: Recorder, served_max: int) -> None:
        self._provider = provider
        self._edges = edges
        self._recorder = recorder
        self._served_max = served_max
        self.served: dict[tuple[str, Instant, int], EdgeSample] = {}

    def samples(self, path: str, start: Instant, end: Instant) -> list[EdgeSample]:
        """Return a vNIC's samples with start < at <= end that have appeared, whether the manager holds them still.

        Raises:
            LookupError: There is no such vNIC, and never was one.
        """
        vnic = next((vnic for vnic in self._edges.vnics() if vnic.point == path), None)
        if vnic is None:
            raise LookupError(f"no vNIC {path!r}")
        edge = self._edges.edges.get(vnic.edge) or self._edges.gone[vnic.edge]
        return list(self._recorder.fine(edge, vnic, start + 1, end, self._provider.clock.now()))

    def billable(self, path: str, start: Instant, end: Instant) -> Both:
        """Return the bytes that a vNIC's samples with start < at <= end stand for, each rounded by itself."""
        return total(self.samples(path, start, end))

    def exact(self, path: str, start: Instant, end: Instant) -> tuple[Decimal, Decimal]:
        """Return rate x interval of the same samples at full precision: bytes received, bytes sent."""
        with localcontext(prec=DIGITS):
            samples = self.samples(path, start, end)
            return (
                sum((one.rx * BYTES_PER_KILOBIT * one.interval for one in samples), Decimal(0)),
                sum((one.tx * BYTES_PER_KILOBIT * one.interval for one in samples), Decimal(0)),
            )

    def tenant(self, tenant: str, start: Instant, end: Instant) -> Both:
        """Return the billable bytes of all uplinks of a tenant's edges."""
        samples = [
            sample
            for vnic in self._edges.vnics()
            if vnic.tenant == tenant and vnic.type == "uplink"
            for sample in self.samples(vnic.point, start, end)
        ]
        return total(samples)

    def record(self, sample: EdgeSample) -> None:
        """Record a sample that was answered."""
        key = sample.path, sample.at, sample.interval
        if self._served_max == 0 or key in self.served:
            return
        while len(self.served) >= self._served_max:
            del self.served[next(iter(self.served))]
        self.served[key] = sample


def total(samples: list[EdgeSample]) -> Both:
    """Return the billable bytes of samples; packets are not told by rates."""
    received = sum(sample.bytes_of(sample.rx) for sample in samples)
    sent = sum(sample.bytes_of(sample.tx) for sample in samples)
    return Both(Traffic(received, 0, 0), Traffic(sent, 0, 0))
