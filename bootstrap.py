"""The one place that knows everybody: settings in, running parts out."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adapters.cache import UNHURRIED, flag_cache, setting_cache
from adapters.cache.guard import PATIENCE
from adapters.cache.settings import ValkeySettings
from adapters.crypto import EnvelopeSealer, key_ring
from adapters.egress.client import EgressClient
from adapters.egress.doors import door
from adapters.handlers import named_handlers, named_processes
from adapters.holidays.listed import ListedHolidays
from adapters.identity.assertions import ActReader, SignedActs
from adapters.identity.bundles import bundle_signatures
from adapters.identity.issuer import EmbeddedIssuer
from adapters.identity.jwks import KeyCache
from adapters.identity.keys import kept_key
from adapters.identity.links import SignedLinks
from adapters.identity.tokens import TokenVerifier, accepted
from adapters.logs import configure
from adapters.memory.cache import NoSnapshots
from adapters.metrics.asking import LARGEST_COHORT
from adapters.metrics.sources import outside
from adapters.notify.delivery import delivery
from adapters.notify.events import SignedPosts
from adapters.notify.signatures import StandardSignatures
from adapters.postgres import engine as postgres
from adapters.postgres.listener import Listener
from adapters.postgres.store import PostgresStore
from adapters.settings import Settings
from adapters.temporal.client import when_asked
from adapters.temporal.line import Line
from adapters.temporal.processes import TemporalProcesses
from application.acting import Acting
from application.approvals import Approvals
from application.auditing import Auditing
from application.authentication import Authentication
from application.changes import Changes
from application.closure_series.cases import SeriesCases
from application.closures.cases import ClosureCases
from application.closures.desk import ClosureDesk, closures_heard
from application.commands.handling import Handlers
from application.commands.replies import Replies, Signals
from application.commands.telling import Telling
from application.controls import Rollouts
from application.couriers import Courier
from application.delegations import Delegations
from application.evaluation import FlagSets
from application.events.cases import EventCases, EventNews, relay
from application.events.delivery import EventDelivery
from application.events.publishing import OwnFollower
from application.events.relay import Relay
from application.external.answers import Answers
from application.external.tickets import Doors, Tickets
from application.faring import Sent
from application.fences.answering import FenceAnswers
from application.flag_streams import FlagStreams
from application.flags import Flags
from application.killing import KillSwitch
from application.outside import Proofs
from application.periods.checking import PostingChecks
from application.periods.known import KnownTables
from application.ports.metrics import MetricSource
from application.ports.secrets import Sealer
from application.previewing import Previewing
from application.reopenings.cases import ReopeningCases
from application.sagas.declaring import ProcessBook
from application.settings.cases import SettingCases
from application.settings.snapshots import SettingSnapshots
from application.settings.warming import Warming
from application.shared_rules import SharedRules
from application.submission import Submission
from application.sweeping import Sweeper
from application.telemetry import Sources, Telemetry, TelemetrySource
from application.tenancy.closings import Closings
from application.tenants import Tenants
from application.whole_sets import WholeSets
from domain.commands.purging import Retention
from domain.flags import BUCKETING
from domain.gates import SourceKind
from domain.settings.warming import warming_after

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.services import Services


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What API and worker share, made when first asked for."""

    settings: Settings

    @cached_property
    def engine(self) -> Any:
        return postgres.connect(self.settings.database_url.get_secret_value(), pool_size=self.settings.database_pool)

    @cached_property
    def store(self) -> PostgresStore:
        return PostgresStore(self.engine)

    @cached_property
    def listener(self) -> Listener:
        return Listener(self.settings.database_url.get_secret_value())

    @cached_property
    def egress(self) -> EgressClient:
        return door(self.settings)

    @cached_property
    def issuer(self) -> EmbeddedIssuer:
        return EmbeddedIssuer(self.settings.keys)

    @cached_property
    def tokens(self) -> TokenVerifier:
        own = [self.issuer.config()] if self.settings.embedded_issuer else []
        configs = [*accepted(self.settings.issuers), *own]
        return TokenVerifier({config.issuer: config for config in configs}, KeyCache(self.egress))

    @cached_property
    def signer(self) -> SignedActs:
        return SignedActs(kept_key(self.settings.keys / "acts.pem"), clock)

    @cached_property
    def verifier(self) -> ActReader:
        return ActReader(kept_key(self.settings.keys / "acts.pem").public_key(), clock)

    @cached_property
    def acting(self) -> Acting:
        return Acting(self.store, self.signer, clock)

    @cached_property
    def metrics(self) -> MetricSource:
        counting = outside(self.settings, door(self.settings, LARGEST_COHORT))
        return Sources({SourceKind.TELEMETRY: TelemetrySource(self.store), **counting})

    @cached_property
    def links(self) -> SignedLinks:
        return SignedLinks(kept_key(self.settings.keys / "acts.pem"), clock)

    @cached_property
    def sealer(self) -> Sealer:
        return EnvelopeSealer(key_ring(self.settings))

    @cached_property
    def fared(self) -> Counter[Sent]:
        """How what this process delivers by commands fares."""
        return Counter()

    @cached_property
    def handlers(self) -> Handlers:
        return named_handlers(self.settings.handlers)

    def serving(self, signals: Signals, processes: TemporalProcesses) -> Handlers:
        """Those, and the product's own."""
        posts = SignedPosts(self.egress)
        replies = Replies(self.store, self.sealer, posts, signals)
        events = EventDelivery(self.store, self.sealer, posts, self.fared)
        told = delivery(self.settings, self.store, self.egress, self.sealer, self.links)
        answers = FenceAnswers(self.store, closures_heard(self.closures(processes), processes))
        own = (replies, events, Telling(self.store, told, self.fared), answers)
        return named_handlers(self.settings.handlers, *own, Warming(self.store, self.setting_cache(UNHURRIED)))

    def setting_cache(self, patience: float = PATIENCE) -> ValkeySettings | None:
        secret = kept_key(self.settings.keys / "acts.pem").private_bytes_raw()
        return setting_cache(self.settings, secret, patience)

    @property
    def own_followers(self) -> list[OwnFollower]:
        """What is sent after events; where there is no cache none is warmed."""
        return [] if self.settings.valkey_url is None else [warming_after]

    @property
    def retention(self) -> Retention:
        """For how long commands are kept, held and remembered."""
        said = self.settings
        days = (said.command_days, said.command_held_days, said.command_known_days)
        return Retention(*(timedelta(days=each) for each in days))

    @cached_property
    def process_book(self) -> ProcessBook:
        return named_processes(self.settings.handlers)

    def relay(self) -> Relay:
        return relay(self.store, self.settings.event_days, self.own_followers)

    def sweeper(self, processes: TemporalProcesses) -> Sweeper:
        return Sweeper(self.store, processes)

    def closures(self, processes: TemporalProcesses) -> ClosureCases:
        return ClosureCases.over(self.store, processes, self.verifier, ListedHolidays())

    def reopenings(self, processes: TemporalProcesses, closures: ClosureCases) -> ReopeningCases:
        return ReopeningCases.over(self.store, processes, closures.starting)

    def closure_series(self, processes: TemporalProcesses, closures: ClosureCases) -> SeriesCases:
        return SeriesCases.over(self.store, processes, closures)

    def courier(self, processes: TemporalProcesses) -> Courier:
        answers = Answers(self.store, Approvals(self.store, processes, self.acting), processes)
        doors = Doors(self.egress, StandardSignatures(), self.sealer, self.settings.public_url)
        return Courier(self.store, Tickets(self.store, doors, answers).attend)

    async def close(self) -> None:
        await self.egress.aclose()
        await self.engine.dispose()


@asynccontextmanager
async def parts(settings: Settings) -> AsyncIterator[Parts]:
    made = Parts(settings)
    try:
        yield made
    finally:
        await made.close()


def services(made: Parts, processes: TemporalProcesses) -> "Services":
    from api.flagd.door import SyncDoor
    from api.services import Services
    from api.services import Settings as ApiSettings

    store, metrics, said = made.store, made.metrics, made.settings
    submission = Submission(store, processes)
    sync = SyncDoor.at(said.flagd_port, said.flagd_host, said.flagd_cert, said.flagd_key)
    gates = KnownTables(store, made.listener.periods, made.settings.gate_silence)
    snapshots = SettingSnapshots(store, made.listener.settings, clock, made.setting_cache())
    flag_sets = FlagSets(store, made.listener.flags, flag_cache(made.settings) or NoSnapshots(), time.time)
    closures = made.closures(processes)
    return Services(
        store=store,
        processes=processes,
        clock=clock,
        authentication=Authentication(store, made.tokens, Closings(made.listener.tenants)),
        flags=Flags(store),
        shared_rules=SharedRules(store),
        flag_bucketing=WholeSets(store, BUCKETING),
        setting=SettingCases.over(store, submission, made.sealer, snapshots, bundle_signatures(made.settings)),
        kill_switch=KillSwitch(store, processes),
        changes=Changes(store, metrics),
        submission=submission,
        approvals=Approvals(store, processes, made.acting),
        delegations=Delegations(store),
        rollouts=Rollouts(store, processes, made.acting),
        tenants=Tenants(store, snapshots),
        auditing=Auditing(store),
        telemetry=Telemetry(store),
        flag_sets=flag_sets,
        flag_streams=FlagStreams(store, flag_sets, made.signer, clock),
        setting_snapshots=snapshots,
        events=EventCases.over(store, made.sealer, snapshots, EventNews.of(made.listener), made.own_followers),
        proofs=Proofs(made.sealer, StandardSignatures(), made.links, made.settings.public_url.startswith("https://")),
        previewing=Previewing(store, made.signer, clock),
        holidays=ListedHolidays(),
        posting_checks=PostingChecks(store, gates, clock),
        closures=closures,
        closure_desk=ClosureDesk(store, processes, made.acting, closures),
        reopenings=made.reopenings(processes, closures),
        settings=ApiSettings(said.temporal_ui, said.docs, flagd=sync),
    )


def api() -> "FastAPI":
    """The application that uvicorn serves (`uvicorn bootstrap:api --factory`); a worker starts without its routes."""
    from api.app import create_app

    settings = Settings.read()
    configure(settings.log_form, settings.log_level)
    made = Parts(settings)
    processes = TemporalProcesses(when_asked(Line.of(settings)), long_workflows=settings.long_commands == "workflow")
    composed = services(made, processes)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        following = asyncio.create_task(composed.follow())
        gc.collect()
        gc.freeze()  # what is loaded by now stays: requests need not pay for walking it again and again
        gc.set_threshold(50_000, 20, 50)  # nor for walking 10,000 values ten times while they are being written
        yield
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await composed.settle()
        await made.close()

    return create_app(composed, lifespan=lifespan)
