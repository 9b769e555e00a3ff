"""What a source tells the outside about itself: ``app.py`` turns it into metrics and one log line per change."""

from __future__ import annotations


class SourceObserver:
    """Callbacks that do nothing; override those of interest.

    They run in the event loop, so they must be quick and not raise.
    """

    def request_done(self, source: str, outcome: str, seconds: float) -> None:
        """A request ended.

        ``outcome`` is the HTTP status, ``timeout``, ``connection``, ``invalid`` or ``cancelled``.
        """

    def throttled(self, source: str, status: int, requests_per_second: int, concurrency: int) -> None:
        """The source said 429 or 503 and the budget fell to these values."""

    def logged_in(self, source: str, manager: str) -> None:
        """A log-in succeeded."""

    def login_refused(self, source: str, manager: str, retry_seconds: float) -> None:
        """Credentials were refused; nothing is sent for so long."""

    def moved(self, source: str, left: str, taken: str, reason: str) -> None:
        """Calls go to another manager from now on: after a failure, or back to the preferred one."""

    def source_bad(self, source: str, reason: str) -> None:
        """The source turned bad: said once, until it recovers."""

    def source_recovered(self, source: str) -> None:
        """The source answers again after it was bad."""
