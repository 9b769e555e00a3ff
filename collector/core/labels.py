"""Tenants named in NSX itself: by a tag of a gateway or interface, or by the Project that it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.core.decisions import Named, Note, NoteKind, Rule, Saying
from collector.core.places import Gateway, Place, Tags
from collector.core.tenancy import Tenancy
from collector.model.identity import Kind


def named_by_tag(scope: str, value: str) -> Named:
    """Return the name that a tag gives."""
    return Named(Rule.NSX_TAG, f"{scope}={value}", value)


def named_by_project(project: str) -> Named:
    """Return the name that a Project gives."""
    return Named(Rule.NSX_PROJECT, f"project {project}", project)


def names(places: Sequence[Place], order: Sequence[Rule], scope: str) -> Iterator[Named]:
    """Yield every name that tags and Projects of a source give, as far as these rules are asked."""
    if Rule.NSX_TAG in order:
        tags = {tag for place in places for tag in place.tags if tag[0] == scope and tag[1]}
        yield from (named_by_tag(scope, value) for _, value in tags)
    if Rule.NSX_PROJECT in order:
        yield from map(named_by_project, {place.project for place in places if place.project})


class TagRule:
    """Tags of one scope: an interface's own goes before its gateway's; two values on one object name nobody.

    Attributes:
        notes: Objects with two values.
    """

    def __init__(self, places: Sequence[Place], gateways: Sequence[Gateway], scope: str, tenancy: Tenancy) -> None:
        self.notes: dict[Note, None] = {}
        self._scope = scope
        self._tenancy = tenancy
        # A link has its Tier-1's tags and no others, so these are known also where gateways are not listed.
        self._tags: dict[str, Tags] = {
            place.tier1: place.tags for place in places if place.key.kind is Kind.TIER1_DOWNLINK and place.tier1
        }
        self._tags.update((gateway.path, gateway.tags) for gateway in gateways)

    def say(self, place: Place) -> Saying | None:
        """Return whose a point is by a tag."""
        if not any(scope == self._scope for scope, _ in place.tags):
            return None
        gateway = place.tier1 or place.gateway
        shared = self._tags.get(gateway, ())
        if place.tags[: len(shared)] != shared:
            shared = ()
        own = self._values(place.tags[len(shared) :])
        if own:
            return self._one(own, place.key.path, "the interface" if shared else "it")
        inherited = self._values(shared)
        return self._one(inherited, gateway, f"gateway {gateway}") if inherited else None

    def _values(self, tags: Tags) -> list[str]:
        return sorted({value for scope, value in tags if scope == self._scope and value})

    def _one(self, values: list[str], path: str, where: str) -> Saying:
        if len(values) > 1:
            words = f"{path} has several tags of the scope {self._scope} ({', '.join(values)}), so they name nobody"
            self.notes[Note(NoteKind.AMBIGUOUS, path, words)] = None
            return Saying(None, f"several NSX tags of the scope {self._scope}: {', '.join(values)}")
        tenant = self._tenancy.tenant(named_by_tag(self._scope, values[0]))
        tag = f"NSX tag {self._scope}={values[0]} on {where}"
        return Saying(tenant, tag if tenant is not None else f"{tag}, which no tenant has")


class ProjectRule:
    """The Project that a Tier-1, its interfaces, or a VPC lie in."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy

    def say(self, place: Place) -> Saying | None:
        """Return whose a point is by its Project."""
        if not place.project:
            return None
        tenant = self._tenancy.tenant(named_by_project(place.project))
        words = f"NSX Project {place.project}"
        return Saying(tenant, words if tenant is not None else f"{words}, which no tenant has")
