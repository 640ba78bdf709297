"""What the routes may use: every use case by name, composed elsewhere."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from api.flagd.door import SyncDoor
from application.approvals import Approvals
from application.auditing import Auditing
from application.authentication import Authentication
from application.bulks.cases import BulkCases
from application.calendars.cases import CalendarCases
from application.calendars.governing import CalendarChanges
from application.changes import Changes
from application.closure_series.cases import SeriesCases
from application.closures.cases import ClosureCases
from application.closures.desk import ClosureDesk, closures_heard
from application.commands.cases import CommandCases
from application.configs.cases import ConfigCases
from application.controls import Rollouts
from application.delegations import Delegations
from application.deployments.following import Following
from application.deployments.looking import Deployments
from application.deployments.measuring import Measuring
from application.emergencies import Emergencies
from application.evaluation import FlagSets
from application.events.cases import EventCases
from application.explaining import Explaining
from application.fences.cases import FenceCases
from application.flag_documents import FlagDocuments
from application.flag_impact.asking import FlagImpacts
from application.flag_impact.collecting import Samples
from application.flag_impact.sampling import FlagSampling
from application.flag_streams import FlagStreams
from application.flag_usage.archiving import FlagArchive
from application.flag_usage.counting import Tallies, UsageCounts
from application.flag_usage.looking import FlagUse
from application.flag_usage.reporting import FlagReports
from application.flags import Flags
from application.gates.cases import Gates
from application.governed_policies import GovernedPolicies
from application.governed_rollouts import GovernedRolloutPolicies
from application.groups import Groups
from application.instances.looking import Acknowledging, Looking
from application.instances.sightings import Sightings
from application.killing import KillSwitch
from application.locking.freezing import Freezing
from application.locking.giving_way import Superseding
from application.locking.ruling import Windows
from application.outside import OutsideCases, Proofs
from application.periods.cases import PeriodCases
from application.periods.checking import PostingChecks
from application.ports.holidays import PublicHolidays
from application.ports.processes import Processes
from application.ports.store import Store
from application.previewing import Previewing
from application.reopenings.cases import ReopeningCases
from application.reverting import Reverting
from application.reviewing import Reviewing
from application.sagas.cases import SagaCases
from application.settings.cases import SettingCases
from application.settings.moving import BundleCases
from application.settings.snapshots import SettingSnapshots
from application.shared_rules import SharedRules
from application.submission import Submission
from application.telemetry import Telemetry
from application.tenants import Tenants
from application.whole_sets import WholeSets


@dataclass(frozen=True)
class Settings:
    """`temporal_ui` is the address of Temporal's own UI, served under /temporal; `max_body` is in bytes.

    `max_large_body` is that of routes that take many things at once, from whom is known. Without `flagd` its sync
    protocol is not served.
    """

    temporal_ui: str | None = None
    docs: bool = True
    max_body: int = 1024 * 1024
    max_large_body: int = 16 * 1024 * 1024
    flagd: SyncDoor | None = None


@dataclass(frozen=True)
class Services:
    store: Store
    processes: Processes
    clock: Callable[[], datetime]
    authentication: Authentication
    flags: Flags
    shared_rules: SharedRules
    flag_bucketing: WholeSets
    setting: SettingCases
    kill_switch: KillSwitch
    changes: Changes
    submission: Submission
    approvals: Approvals
    delegations: Delegations
    rollouts: Rollouts
    tenants: Tenants
    auditing: Auditing
    telemetry: Telemetry
    flag_sets: FlagSets
    flag_streams: FlagStreams
    setting_snapshots: SettingSnapshots
    events: EventCases
    proofs: Proofs
    previewing: Previewing
    holidays: PublicHolidays
    posting_checks: PostingChecks
    closures: ClosureCases
    closure_desk: ClosureDesk
    reopenings: ReopeningCases
    settings: Settings = field(default_factory=Settings)

    @cached_property
    def flag_documents(self) -> FlagDocuments:
        return FlagDocuments(self.store, self.changes, self.submission)

    @cached_property
    def configs(self) -> ConfigCases:
        return ConfigCases.over(self.store, self.setting, self.setting_snapshots)

    @cached_property
    def sightings(self) -> Sightings:
        return Sightings(self.store, self.clock)

    @cached_property
    def instances(self) -> Looking:
        return Looking(self.store)

    @cached_property
    def acknowledging(self) -> Acknowledging:
        return Acknowledging(self.sightings)

    @cached_property
    def evaluated(self) -> Tallies:
        return Tallies()

    @cached_property
    def usage_counts(self) -> UsageCounts:
        return UsageCounts(self.store, self.evaluated)

    @cached_property
    def samples(self) -> Samples:
        return Samples(self.store, self.flag_sets.news)

    @property
    def flag_sampling(self) -> FlagSampling:
        return FlagSampling(self.store)

    @property
    def flag_impacts(self) -> FlagImpacts:
        return FlagImpacts(self.store)

    @property
    def explaining(self) -> Explaining:
        return Explaining(self.store, self.flag_sets, self.clock)

    @property
    def flag_use(self) -> FlagUse:
        return FlagUse(self.store)

    @property
    def flag_archive(self) -> FlagArchive:
        return FlagArchive(self.store)

    @property
    def flag_reports(self) -> FlagReports:
        return FlagReports(self.store)

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(self.store)

    @cached_property
    def measuring(self) -> Measuring:
        measuring = Measuring(self.store)
        self.events.publisher.tell(measuring.take)
        return measuring

    @cached_property
    def following(self) -> Following:
        return Following(self.store)

    @cached_property
    def calendars(self) -> CalendarCases:
        return CalendarCases.over(self.store, self.holidays)

    @cached_property
    def calendar_changes(self) -> CalendarChanges:
        return CalendarChanges(self.store, self.submission)

    @cached_property
    def closure_series(self) -> SeriesCases:
        return SeriesCases.over(self.store, self.processes, self.closures)

    @cached_property
    def fences(self) -> FenceCases:
        return FenceCases.over(self.store, closures_heard(self.closures, self.processes))

    @cached_property
    def commands(self) -> CommandCases:
        return CommandCases.over(self.store, self.processes)

    @cached_property
    def command_bulks(self) -> BulkCases:
        return BulkCases.over(self.store, self.processes)

    @cached_property
    def sagas(self) -> SagaCases:
        return SagaCases.over(self.store)

    @cached_property
    def periods(self) -> PeriodCases:
        return PeriodCases.over(self.store)

    @cached_property
    def bundles(self) -> BundleCases:
        return BundleCases.over(self.store, self.processes, self.setting.transfer)

    @property
    def emergencies(self) -> Emergencies:
        return Emergencies(self.store, self.processes, self.submission)

    @property
    def reviewing(self) -> Reviewing:
        return Reviewing(self.store)

    @property
    def policies(self) -> GovernedPolicies:
        return GovernedPolicies(self.store, self.tenants, self.submission)

    @property
    def groups(self) -> Groups:
        return Groups(self.store)

    @property
    def gates(self) -> Gates:
        return Gates(self.store, self.changes.metrics)

    @property
    def freezing(self) -> Freezing:
        return Freezing(self.store)

    @property
    def windows(self) -> Windows:
        return Windows(self.store)

    @property
    def rollout_policies(self) -> GovernedRolloutPolicies:
        return GovernedRolloutPolicies(self.store, self.submission)

    @property
    def superseding(self) -> Superseding:
        return Superseding(self.store, self.processes)

    @property
    def reverting(self) -> Reverting:
        return Reverting(self.store, self.changes, self.submission, self.setting)

    @cached_property
    def outside(self) -> OutsideCases:
        return OutsideCases.over(self.store, self.proofs, self.authentication, self.approvals, self.processes)

    async def follow(self) -> None:
        """Runs as long as the process: what it keeps in memory hears of changes."""
        await asyncio.gather(
            self.authentication.closings.follow(),
            self.flag_sets.follow(),
            self.setting_snapshots.follow(),
            self.posting_checks.follow(),
            self.events.follow(),
            self.sightings.follow(),
            self.measuring.follow(),
            self.usage_counts.follow(),
            self.samples.follow(),
        )

    async def settle(self) -> None:
        """At the end of the process: what it counted and sampled is written down."""
        await self.usage_counts.settle()
        await self.samples.settle()


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Use = Annotated[Services, Depends(services_of)]
