"""What all tests share: the seed, the effort of Hypothesis, and the real servers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.servers.process import log_tails

pytest_plugins = ["tests.servers.fixtures"]

PROFILE_VARIABLE = "NORTHMETER_TEST_PROFILE"
"""``dev`` while writing (seconds), ``ci`` before a change lands (minutes)."""

SEED_VARIABLE = "NORTHMETER_TEST_SEED"
"""Repeats a run: the seed of Hypothesis and of the fixture ``seed``."""

# Two busy cores make any single example slow now and then; the time limit of the test is the bound that counts.
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci",
    max_examples=500,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


def profile() -> str:
    """Return the name of the profile that is asked for."""
    return os.environ.get(PROFILE_VARIABLE, "dev")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the profile and the seed before Hypothesis reads them; workers of xdist get the seed of their parent."""
    settings.load_profile(profile())
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = os.environ.get(SEED_VARIABLE) or str(secrets.randbits(32))


def _how_to_repeat(config: pytest.Config) -> str:
    return f"{PROFILE_VARIABLE}={profile()} {SEED_VARIABLE}={config.getoption('hypothesis_seed')}"


def pytest_report_header(config: pytest.Config) -> str:
    """Show how to repeat this run."""
    return f"northmeter: {_how_to_repeat(config)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show how to repeat a run that failed; quiet runs print no header."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"repeat with {_how_to_repeat(config)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of the running servers to the report of a test that failed."""
    report = yield
    if report.failed:
        report.sections.extend(log_tails())
    return report


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """A whole number for tests that draw at random; printed, and set by ``NORTHMETER_TEST_SEED``."""
    return int(pytestconfig.getoption("hypothesis_seed"))
