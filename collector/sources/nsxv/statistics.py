"""Answers about rates to samples of bytes. One bad sample costs no other, and is never a zero.

Source: the vendor's RAML of the NSX-V API, ``/4.0/edges/{edgeId}/statistics/interfaces``; the model CbmStatistic of
VMware Cloud on AWS: ``in`` is the rate received and ``out`` the rate sent, in kilobits per second, averaged over the
interval that ends at ``timestamp``; ``interval`` stands in the same answer, in seconds. Figures of the dashboard
(``vnic_0_in_byte``) are not billed: whether they are bytes, counters or rates is not documented.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from collector.core.periods import format_time
from collector.model.period import MS_PER_SECOND, Instant
from collector.model.sample import RateSample
from collector.sources.nsxv.forms import Fields, parsed
from collector.sources.nsxv.lists import index_of, vnics_of
from collector.sources.nsxv.numbers import INTERVAL_SECONDS_MAX, RATE_KBIT_MAX, bytes_of, instant, number, whole
from collector.sources.nsxv.snapshot import Vnic

AHEAD_MS_MAX = 3_600_000
"""How far after the manager's own time a sample may end, in milliseconds, to be one that is left for a later poll:
some managers may list the interval that is not over. Beyond it, the time is no time."""

BEHIND_MS_MAX = 366 * 86_400_000
"""How far before it a sample may end, in milliseconds: farther than any statistics are kept."""

FAULTS_MAX = 20
"""Faults told of one answer; more of them say nothing new."""

DATE_MS = 999
"""A ``Date`` header has whole seconds: the manager's time may be that much later, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What an answer says of an edge.

    Attributes:
        samples: vNIC → its samples whose interval is over, in no order, perhaps one more than once.
        since: ``startTime`` of the answer, where it says a believable one.
        vnics: vNICs that it describes.
        faults: (vNIC, or ``None`` where it concerns all; what was wrong).
    """

    samples: dict[int, list[RateSample]] = field(default_factory=lambda: defaultdict(list))
    since: Instant | None = None
    vnics: tuple[Vnic, ...] = ()
    faults: list[tuple[int | None, str]] = field(default_factory=list)

    def faults_of(self, index: int) -> list[str]:
        """Return what concerns a vNIC."""
        return [words for vnic, words in self.faults if vnic in (None, index)]

    def indexes(self) -> set[int]:
        """Return the vNICs that it has samples of; where it has none, those that it describes."""
        return set(self.samples) or {vnic.index for vnic in self.vnics}


def rates(body: bytes, now: Instant, kilo: int) -> Rates:
    """Return what an answer says.

    Args:
        body: JSON or XML.
        now: The manager's time, as far as known.
        kilo: Bits in a kilobit of its rates.
    Raises:
        Malformed: It is no answer about rates.
    """
    series = parsed(body).series()
    vnics, _ = vnics_of(series.vnics)
    found = Rates(since=_since(series.meta, now), vnics=vnics)
    found.faults.extend((None, words) for words in series.faults)
    seconds = _interval(series.meta)
    if seconds is None:
        if series.rows:
            said = series.meta.get("interval", "none")[:40]
            words = (
                f"interval {said!r} is no number of seconds from 1 to {INTERVAL_SECONDS_MAX}; its samples are refused"
            )
            found.faults.append((None, words))
        return found
    terms = Terms(now, kilo, seconds)
    for name, row in series.rows:
        _take(found, name, row, terms)
    return found


@dataclass(frozen=True, slots=True)
class Terms:
    """What every sample of an answer is read by: the manager's time, bits in a kilobit, seconds of the interval."""

    now: Instant
    kilo: int
    seconds: int


def _interval(meta: Fields) -> int | None:
    seconds = whole(meta.get("interval"))
    return seconds if seconds is not None and 0 < seconds <= INTERVAL_SECONDS_MAX else None


def _since(meta: Fields, now: Instant) -> Instant | None:
    at = instant(meta.get("startTime"))
    return at if at is not None and -BEHIND_MS_MAX <= at - now <= AHEAD_MS_MAX else None


def _take(found: Rates, series: str | None, row: Fields, terms: Terms) -> None:
    """Add a sample, or what is wrong with it."""
    index = index_of(row.get("vnic", series))
    if index is None:
        found.faults.append((None, "a sample names no vNIC; left out"))
        return
    if series is not None and index != index_of(series):
        words = (
            f"vNIC {index}: a sample of it stands under vnic_{series}; nobody can say whose it is, so it is left out"
        )
        found.faults.extend(((index, words), (index_of(series), words)))
        return
    at = instant(row.get("timestamp"))
    if at is None or not -BEHIND_MS_MAX <= at - terms.now <= AHEAD_MS_MAX:
        said = row.get("timestamp", "none")[:40]
        found.faults.append((index, f"vNIC {index}: timestamp {said!r} is no believable time; the sample is left out"))
        return
    if at > terms.now + DATE_MS:
        return
    try:
        received, sent = (_bytes(row, name, terms) for name in ("in", "out"))
    except ValueError as error:
        found.faults.append((index, f"vNIC {index} at {format_time(at)}: {error}; the sample is left out"))
        return
    found.samples[index].append(RateSample(at, terms.seconds * MS_PER_SECOND, received, sent))


def _bytes(row: Fields, name: str, terms: Terms) -> int:
    """Return the bytes of a rate. Raises ValueError, with words, for what is no rate."""
    text = row.get(name)
    rate = number(text)
    if rate is not None and 0 <= rate <= RATE_KBIT_MAX:
        return bytes_of(rate, terms.kilo, terms.seconds)
    said = "is lacking" if text is None else f"{text[:40]!r} is no rate from 0 to {RATE_KBIT_MAX} kbit/s"
    raise ValueError(f"{name} {said}")


def ordered(samples: Iterable[RateSample], since: Instant) -> tuple[RateSample, ...]:
    """Return the samples that end after ``since``, each once, in order of time."""
    return tuple(sorted({sample for sample in samples if sample.at > since}))
