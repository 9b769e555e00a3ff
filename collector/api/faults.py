"""What can be wrong with a request, told apart from how HTTP says so: the commands raise and show the same."""

from __future__ import annotations

from collector.errors import MeteringError

SHOWN_CHARACTERS = 60
"""Of a wrong value at most so much is shown again: enough to recognise it."""


class ParameterFault(MeteringError):
    """A parameter is wrong.

    Attributes:
        parameter: Its name.
        reason: What was expected and what came.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


class CursorFault(ParameterFault):
    """A cursor that we did not make, or made for other parameters."""

    def __init__(self) -> None:
        super().__init__("cursor", "is not one that this server gave for these parameters; begin again without it")


class TenantUnknown(MeteringError):
    """No such tenant, or one that the token does not see: the two are never told apart."""

    def __init__(self, tenant: str) -> None:
        super().__init__(f"no tenant {shown(tenant)}")
        self.tenant = tenant


def shown(value: str) -> str:
    """Return a value as messages quote it: short and on one line."""
    return repr(value) if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]!r}…"
