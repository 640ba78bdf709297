"""All flags of one tenant in one environment, compiled and never changed: a new revision is a new set."""

import gc
from collections.abc import Callable, Collection, Iterator, KeysView, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from domain.flags.bucketing import Bucketing
from domain.flags.evaluation import ErrorCode, Evaluation, failure
from domain.flags.lifecycle import is_archived
from domain.flags.resolution import Resolve, Setting, compile_flag
from domain.flags.tags import TagIndex, index_of
from domain.json_value import Json

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class FlagSet:
    """A snapshot that any number of threads may read; `with_flag` makes the next one."""

    __slots__ = ("_index", "_resolvers", "_setting", "_timed", "revision")

    def __init__(
        self,
        revision: int,
        setting: Setting,
        resolvers: Mapping[str, Resolve],
        timed: frozenset[str],
        index: TagIndex,
    ) -> None:
        self.revision = revision
        self._setting = setting
        self._resolvers = resolvers
        self._timed = timed
        self._index = index

    @property
    def keys(self) -> KeysView[str]:
        return self._resolvers.keys()

    @property
    def bucketing(self) -> Bucketing:
        return self._setting.bucketing

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self._setting.metadata

    @property
    def time_dependent(self) -> bool:
        """Some rule reads `$flagd.timestamp`: the same context may evaluate differently at another moment."""
        return bool(self._timed)

    def evaluate(self, key: str, context: Mapping[str, Any]) -> Evaluation:
        """The outcome of one flag; whatever goes wrong is an outcome, too, and nothing is raised."""
        resolve = self._resolvers.get(key)
        if resolve is None:
            return failure(key, ErrorCode.FLAG_NOT_FOUND, "no such flag here", dict(self._setting.metadata))
        return resolve(context)

    def evaluate_all(self, context: Mapping[str, Any]) -> list[Evaluation]:
        return [resolve(context) for resolve in self._resolvers.values()]

    def tagged(self, tags: Collection[str]) -> "FlagSet":
        """The flags with one of these tags, of the same revision; no other flag is looked at."""
        resolvers = {key: self._resolvers[key] for key in self._index.any_of(tags) if key in self._resolvers}
        return FlagSet(self.revision, self._setting, resolvers, self._timed.intersection(resolvers), self._index)

    def at(self, revision: int) -> "FlagSet":
        """The same flags as another revision has them."""
        return FlagSet(revision, self._setting, self._resolvers, self._timed, self._index)

    def with_flag(self, key: str, raw: Json | None, revision: int) -> "FlagSet":
        """The next snapshot: this flag compiled anew, or gone when `raw` is None or archived; all others are shared."""
        resolvers, timed = dict(self._resolvers), self._timed - {key}
        if raw is None or is_archived(raw):
            resolvers.pop(key, None)
            return FlagSet(revision, self._setting, resolvers, timed, self._index.with_flag(key, ()))
        resolver = compile_flag(key, raw, self._setting)
        resolvers[key] = resolver.resolve
        timed = timed | {key} if resolver.time_dependent else timed
        return FlagSet(revision, self._setting, resolvers, timed, self._index.with_flag(key, resolver.tags))


def compile_flag_set(
    flags: Mapping[str, Json],
    *,
    revision: int,
    now: Callable[[], float],
    bucketing: Bucketing = Bucketing.V3,
    metadata: Mapping[str, Any] = _NOTHING,
    evaluators: Mapping[str, Json] = _NOTHING,
) -> FlagSet:
    """Compile published definitions; `now` gives Unix seconds, for rules that read `$flagd.timestamp`."""
    setting = Setting(bucketing, dict(metadata), dict(evaluators), now)
    with _uncollected():
        resolvers = {key: compile_flag(key, raw, setting) for key, raw in flags.items()}
    timed = frozenset(key for key, resolver in resolvers.items() if resolver.time_dependent)
    index = index_of({key: resolver.tags for key, resolver in resolvers.items()})
    return FlagSet(revision, setting, {key: resolver.resolve for key, resolver in resolvers.items()}, timed, index)


@contextmanager
def _uncollected() -> Iterator[None]:
    """All that is made meanwhile is kept: to look for garbage among it, over and over, takes as long as making it."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
