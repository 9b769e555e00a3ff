"""What a source's HTTP client is built from; ``app.py`` maps the settings to these."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How a manager proves who it is, and how we do.

    Attributes:
        ca_file: Certificates to trust, PEM; the system's where it is ``None``.
        fingerprint: SHA-256 of the manager's certificate, 32 bytes: the pin alone decides, no CA is asked.
        verify: False takes any certificate; the caller warns.
        cert_file: Client certificate, PEM, perhaps with its key.
        key_file: Key of the client certificate, PEM, where it is a file of its own.
    """

    ca_file: Path | None = None
    fingerprint: bytes | None = None
    verify: bool = True
    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def insecure(self) -> bool:
        """True when any certificate is taken: neither verified nor pinned."""
        return not self.verify and self.fingerprint is None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Arguments of :class:`collector.sources.http.HttpClient`.

    Attributes:
        name: Name of the source, for messages.
        urls: Managers, the preferred one first: scheme, host and port, without a path.
        tls: For ``https`` URLs.
        requests_per_second: In no second more, over all managers, log-ins and retries included.
        concurrency: At most so many at once, over all managers.
        timeout_seconds: For one answer, from the connection on.
        answer_bytes_max: A longer answer is refused; a page of 1 000 objects takes about 4 MB.
        lockout_seconds: First back-off after refused credentials; it doubles with each refusal.
        return_probe_seconds: How often a manager that we left is asked whether it is back.
        retry_wait_seconds: Mean of the first wait before a retry; it doubles, with full jitter.
        start_hold_seconds: Pause before the first request, where requests of a client before this one may still count.
    """

    name: str
    urls: tuple[str, ...]
    tls: TlsOptions = field(default_factory=TlsOptions)
    requests_per_second: int = 50
    concurrency: int = 16
    timeout_seconds: float = 10.0
    answer_bytes_max: int = 16 * 1024 * 1024
    lockout_seconds: float = 900.0
    return_probe_seconds: float = 60.0
    retry_wait_seconds: float = 0.25
    start_hold_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long a call is tried again.

    Attributes:
        retries: At most so many attempts after the first.
        deadline_seconds: No attempt begins later than this after the call did.
        wait_seconds_max: Longest wait that is not the server's own.
    """

    retries: int
    deadline_seconds: float
    wait_seconds_max: float = 4.0


POLL_RETRY = RetryPolicy(retries=2, deadline_seconds=20.0)
"""Statistics: the next cycle asks again anyway, and a late answer holds a place that others need."""

DISCOVERY_RETRY = RetryPolicy(retries=4, deadline_seconds=60.0)
"""Lists: one that stays unread makes the whole inventory incomplete, so more patience pays."""
