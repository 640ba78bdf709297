"""What a template says: the settings of some environments, as bundles of them, and approval policies."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from application.settings.arriving import BUNDLE, Arrival, check_arrival
from domain.approvals import ApprovalPolicy, parse_policy
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.pointers import escaped
from domain.settings import Bundle, Contents, Definition, compared_contents, parse_bundle, timelines

PolicyPlace = tuple[Environment, Kind]


@dataclass(frozen=True)
class TemplateContent:
    bundles: tuple[Bundle, ...] = ()
    policies: dict[PolicyPlace, ApprovalPolicy] = field(default_factory=dict)

    @property
    def definitions(self) -> dict[str, Definition]:
        """A definition is everywhere, whichever bundle brings it."""
        return {each.key: each for bundle in self.bundles for each in bundle.definitions}

    def to_json(self) -> Json:
        policies: dict[str, dict[str, Json]] = {}
        for (environment, kind), policy in sorted(self.policies.items()):
            policies.setdefault(environment.value, {})[kind.value] = policy.to_json()
        return {"bundles": [bundle.to_json() for bundle in self.bundles], "policies": policies}


def parse_content(raw: Json) -> TemplateContent:
    """`bundles` is a list of exported bundles, at most one an environment; Invalid with every fault at its place."""
    faults: list[Fault] = []
    bundles = tuple(_bundles(raw["bundles"], faults))
    policies = dict(_policies(raw["policies"], faults))
    content = TemplateContent(bundles, policies)
    if not faults:
        faults += _disagreements(content)
    if faults:
        raise Invalid(faults)
    return content


def _bundles(raw: list[Json], faults: list[Fault]) -> Iterator[Bundle]:
    seen: set[Environment] = set()
    for place, each in enumerate(raw):
        path = f"/bundles/{place}"
        try:
            bundle = parse_bundle(each)
        except Invalid as refusal:
            faults += (replace(fault, path=path + fault.path) for fault in refusal.faults)
            continue
        if bundle.environment in seen:
            faults.append(Fault(f"{path}/environment", "another bundle is of this environment"))
        if any((bundle.flags or {}).values()):
            faults.append(Fault(f"{path}/flags", "a template holds settings, and no flags"))
        if bundle.books is not None and any(bundle.books.sections().values()):
            faults.append(Fault(f"{path}/fiscal_calendars", "a template holds settings, and no bookkeeping"))
        seen.add(bundle.environment)
        yield replace(bundle, flags=None, signature=None, books=None)


def _policies(raw: dict[str, Any], faults: list[Fault]) -> Iterator[tuple[PolicyPlace, ApprovalPolicy]]:
    for environment, kinds in raw.items():
        if environment not in set(Environment):
            faults.append(Fault(f"/policies/{escaped(environment)}", "expected " + ", ".join(Environment)))
            continue
        for kind, policy in kinds.items():
            path = f"/policies/{environment}/{escaped(kind)}"
            if kind not in set(Kind):
                faults.append(Fault(path, "expected " + ", ".join(Kind)))
                continue
            try:
                yield (Environment(environment), Kind(kind)), parse_policy(policy)
            except Invalid as refusal:
                faults += (replace(fault, path=path + fault.path) for fault in refusal.faults)


def _disagreements(content: TemplateContent) -> Iterator[Fault]:
    """One key means one thing, and every line is about a key that the template defines."""
    definitions = content.definitions
    for place, bundle in enumerate(content.bundles):
        for number, each in enumerate(bundle.definitions):
            if each != definitions[each.key]:
                yield Fault(f"/bundles/{place}/definitions/{number}", "another bundle defines this setting otherwise")
        arrival = arrival_of(bundle, content, "", datetime.min.replace(tzinfo=UTC))
        try:
            check_arrival(arrival)
        except Invalid as refusal:
            yield from (replace(fault, path=f"/bundles/{place}{fault.path.removeprefix(BUNDLE)}")
                        for fault in refusal.faults)  # fmt: skip


def arrival_of(bundle: Bundle, content: TemplateContent, reason: str, at: datetime) -> Arrival:
    """The bundle where every definition of the template is there, and no value yet."""
    defined = Contents(content.definitions)
    wanted = Contents(content.definitions, timelines(bundle.lines, at))
    return Arrival(bundle, wanted, defined, compared_contents(wanted, defined), bundle.environment, reason, at)
