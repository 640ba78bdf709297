"""Documents of flags on the wire, from flagd and from other tools, and what came of them."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from api.schemas.bundles import FlagStep
from api.schemas.common import In, Key, Object, Out, Reason
from api.schemas.rollouts import SubmittedOut
from application.flag_documents import DOCUMENT, FlagIntake, FlagsImported
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags.flagd import parse_flagd
from domain.flags.importers import (
    Fidelity,
    GrowthBookExport,
    LaunchDarklyExport,
    Tool,
    Translation,
    UnleashExport,
    from_flagd,
    from_growthbook,
    from_launchdarkly,
    from_unleash,
)
from domain.flags.importers.reports import FlagReport
from domain.pointers import escaped
from domain.settings import Op

_GROWTHBOOK = TypeAdapter(GrowthBookExport)
_LAUNCHDARKLY = TypeAdapter(LaunchDarklyExport)
_UNLEASH = TypeAdapter(UnleashExport)
_NAMED = 20


class FlagDocumentOut(Out):
    """As flagd takes it: definitions by key, `$evaluators`, and the metadata of the set."""

    flags: Object
    evaluators: Object = Field(alias="$evaluators")
    metadata: Object


class FlagImportIn(In):
    """`keys` takes some flags of the document; without `allow_partial` all of these are translated or none comes in."""

    environment: Environment
    format: Tool
    document: Object
    source_environment: Annotated[
        str | None, Field(max_length=200, description="Which environment of the document, where it has several.")
    ] = None
    keys: Annotated[list[Key], Field(min_length=1, max_length=1000)] | None = None
    allow_partial: bool = False
    dry_run: bool = False
    reason: Reason

    def intake(self) -> FlagIntake:
        """Invalid with every fault of the document, each at its place."""
        keys = None if self.keys is None else frozenset(self.keys)
        translation = self._translation()
        return FlagIntake(self.environment, translation, self.reason, self.dry_run, self.allow_partial, keys)

    def _translation(self) -> Translation:
        if self.format is Tool.UNLEASH:
            unleash = _read(_UNLEASH, self.document)
            return from_unleash(unleash, self._source(unleash.environments))
        if self.format is Tool.LAUNCHDARKLY:
            launchdarkly = _read(_LAUNCHDARKLY, self.document)
            return from_launchdarkly(launchdarkly, self._source(launchdarkly.environments))
        if self.source_environment is not None:
            raise Invalid([Fault("/source_environment", f"a document of {self.format} is of one environment")])
        if self.format is Tool.GROWTHBOOK:
            return from_growthbook(_read(_GROWTHBOOK, self.document))
        try:
            return from_flagd(parse_flagd(self.document))
        except Invalid as refusal:
            raise Invalid(Fault(DOCUMENT + fault.path, fault.message) for fault in refusal.faults) from None

    def _source(self, known: set[str]) -> str:
        """The environment that is named, or the only one that there is."""
        said = self.source_environment
        if said in known or (said is None and len(known) == 1):
            return said or min(known)
        expected = ", ".join(sorted(known)[:_NAMED]) or "none: the document says nothing of environments"
        raise Invalid([Fault("/source_environment", f"expected one of {expected}")])


def _read(adapter: TypeAdapter[Any], document: Object) -> Any:
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        raise Invalid(
            Fault(DOCUMENT + "".join(f"/{escaped(str(step))}" for step in each["loc"]), str(each["msg"]))
            for each in error.errors(include_input=False, include_url=False)
        ) from None


class FlagReportOut(Out):
    """`path` says where the flag stands in the request; the notes say what is different, or why it cannot be said."""

    key: str
    fidelity: Fidelity
    notes: list[str]
    path: str

    @classmethod
    def of(cls, report: FlagReport) -> "FlagReportOut":
        return cls(
            key=report.key, fidelity=report.fidelity, notes=list(report.notes), path=DOCUMENT + report.path
        )  # fmt: skip


class FlagImportOut(Out):
    """What was done, or would be; `waiting` are flags to import again once the change of their shared rules stands.

    `notes` are about every flag of the document.
    """

    outcome: Literal["no_changes", "planned", "applied", "submitted"]
    reports: list[FlagReportOut]
    notes: list[str]
    flags: list[FlagStep]
    equal: int
    needs_approval: bool
    waiting: list[str]
    submitted: SubmittedOut | None

    @classmethod
    def of(cls, imported: FlagsImported) -> "FlagImportOut":
        arrival = imported.arrival
        return cls(
            outcome=imported.outcome,
            reports=[FlagReportOut.of(each) for each in imported.translation.reports],
            notes=list(imported.translation.notes),
            flags=[
                FlagStep(key=key, op=arrival.ops[key], before=arrival.stored.get(key), after=arrival.wanted[key])
                for key in arrival.changed
            ],
            equal=sum(op is Op.EQUAL for op in arrival.ops.values()),
            needs_approval=imported.needs_approval,
            waiting=list(imported.waiting),
            submitted=None if imported.submitted is None else SubmittedOut.of(imported.submitted),
        )
