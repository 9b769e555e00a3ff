"""The scheduler's jobs, every option stated.

APScheduler 3 keeps the jobs in memory: nothing about a job must outlive the process, since what a poll needs to know
is in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

OVERLAP_MAX = 2
"""Runs of one job at once: a cycle whose last tick is late must not cost the next cycle; points have single flight
anyway."""

Job = Callable[[], Awaitable[None]]


class Jobs:
    """Named jobs that run at intervals on the event loop.

    Args:
        failed: Called with (name, error) when a run ends with an error; the job goes on.
    """

    def __init__(self, failed: Callable[[str, Exception], None]) -> None:
        self._failed = failed
        self._stopped = False
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": AsyncIOExecutor()},
            job_defaults={
                "coalesce": True,  # after a pause of the process one run makes up for all that were missed
                "max_instances": OVERLAP_MAX,
                "misfire_grace_time": None,  # a late run is better than none
            },
            timezone=UTC,
        )

    def start(self) -> None:
        """Begin to run what is due."""
        self._scheduler.start()

    def stop(self) -> None:
        """Run nothing any more, and cancel what is running."""
        self._stopped = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def every(self, name: str, milliseconds: int, job: Job, *, first_in_ms: int = 0) -> None:
        """Run ``job`` every so often, the first time after ``first_in_ms``; a job of the same name is replaced."""

        async def guarded() -> None:
            try:
                await job()
            except asyncio.CancelledError:
                if not self._stopped:
                    raise
                # The scheduler was stopped and cancelled its runs: this is their end, and no failure to log.
            except Exception as error:  # noqa: BLE001 - the outermost loop of a task: counted, logged, and the job goes on
                self._failed(name, error)

        self._scheduler.add_job(
            guarded,
            IntervalTrigger(seconds=milliseconds / 1_000, timezone=UTC, jitter=None),
            id=name,
            name=name,
            replace_existing=True,
            next_run_time=datetime.now(UTC) + timedelta(milliseconds=first_in_ms),
        )

    def change(self, name: str, milliseconds: int) -> None:
        """Run a job at another interval from its next run on."""
        self._scheduler.reschedule_job(name, trigger=IntervalTrigger(seconds=milliseconds / 1_000, timezone=UTC))

    def soon(self, name: str, milliseconds: int) -> None:
        """Run a job once more in a moment, or as planned if that is sooner."""
        job = self._scheduler.get_job(name)
        if job is None:
            return
        due = datetime.now(UTC) + timedelta(milliseconds=milliseconds)
        if job.next_run_time is None or job.next_run_time > due:
            job.modify(next_run_time=due)

    def remove(self, name: str) -> None:
        """Run a job no more; one that is not there is no fault."""
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)
