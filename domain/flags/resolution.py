"""A flag resolves to a variant by its state, its targeting and its default, in the order that flagd has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid
from domain.flags import iteration
from domain.flags.bucketing import Bucketing
from domain.flags.definition import FlagDefinition, parse_definition
from domain.flags.evaluation import CODE_DEFAULT, ErrorCode, Evaluation, Reason, failure
from domain.flags.expression import Expression, Notes
from domain.flags.jsonlogic import compile_rule
from domain.flags.rules import variant_name
from domain.flags.tags import Tags, tags_of
from domain.flags.values import RuleTooCostly
from domain.json_value import Json

Resolve = Callable[[Mapping[str, Any]], Evaluation]
Compile = Callable[..., tuple[Expression, Notes]]
"""What `compile_rule` does, or something that compiles a rule as it does."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the flags of one set share."""

    bucketing: Bucketing
    metadata: Mapping[str, Any]
    evaluators: Mapping[str, Json]
    now: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Resolver:
    resolve: Resolve
    time_dependent: bool = False
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Every outcome of one flag, made beforehand."""

    key: str
    metadata: dict[str, Any]
    matches: Mapping[str, Evaluation]
    otherwise: Evaluation

    def of(self, result: Any) -> Evaluation:
        """The outcome of what the rule gave."""
        if result is None:
            return self.otherwise
        name = variant_name(result)
        return self.matches.get(name) or self.failed(f"the targeting gave {name[:100]!r}, which is not a variant")

    def failed(self, details: str, code: ErrorCode = ErrorCode.GENERAL) -> Evaluation:
        return failure(self.key, code, details, self.metadata)


def compile_flag(key: str, raw: Json, setting: Setting, compiled: Compile = compile_rule) -> Resolver:
    """Compile one published definition; one that is not valid resolves to PARSE_ERROR and harms no other flag."""
    try:
        definition = parse_definition(raw, evaluators=setting.evaluators, authored=frozenset())
    except Invalid as invalid:
        fault = invalid.faults[0]
        return _settled(failure(key, ErrorCode.PARSE_ERROR, f"{fault.path}: {fault.message}", dict(setting.metadata)))
    metadata = {**setting.metadata, **definition.metadata}
    if definition.state == "DISABLED":
        return _settled(Evaluation(key, CODE_DEFAULT, None, Reason.DISABLED, None, None, metadata))
    if not definition.targeting:
        return _settled(_default(key, definition, metadata, Reason.STATIC))
    outcomes = _Outcomes(
        key,
        metadata,
        {
            name: Evaluation(key, value, name, Reason.TARGETING_MATCH, None, None, metadata)
            for name, value in definition.variants.items()
        },
        _default(key, definition, metadata, Reason.DEFAULT),
    )
    rule, notes = compiled(
        definition.targeting, flag_key=key, bucketing=setting.bucketing, evaluators=setting.evaluators
    )
    run = _prepared(rule, notes, key, setting.now)
    return Resolver(_guarded(run, outcomes), notes.reads_time, tags_of(metadata))


def _settled(evaluation: Evaluation) -> Resolver:
    return Resolver(lambda _context: evaluation, tags=tags_of(evaluation.metadata))


def _default(key: str, definition: FlagDefinition, metadata: dict[str, Any], reason: Reason) -> Evaluation:
    name = definition.default_variant
    if name is None:
        return Evaluation(key, CODE_DEFAULT, None, Reason.DEFAULT, None, None, metadata)
    return Evaluation(key, definition.variants[name], name, reason, None, None, metadata)


def _prepared(rule: Expression, notes: Notes, key: str, now: Callable[[], float]) -> Expression:
    """The rule with what it needs beside the context: flagd's injected values, a fresh allowance for iterations."""
    run = rule
    if notes.reads_scope:

        def run(context: Any) -> Any:
            injected = {"flagKey": key, "timestamp": int(now())}
            return rule({**context, "$flagd": injected, "targetingKey": context.get("targetingKey")})

    if not notes.iterates:
        return run

    def run_counted(context: Any) -> Any:
        iteration.begin()
        return run(context)

    return run_counted


class _NoObject(TypeError):
    """The context is not an object."""


def _plain(context: Any) -> dict[str, Any]:
    if not isinstance(context, Mapping):
        raise _NoObject
    return dict(context)


def _guarded(run: Expression, outcomes: _Outcomes) -> Resolve:
    matches = outcomes.matches

    def resolve(context: Mapping[str, Any]) -> Evaluation:
        try:
            result = run(context if type(context) is dict else _plain(context))
            if type(result) is str and result in matches:
                return matches[result]
            return outcomes.of(result)
        except RuleTooCostly:
            return outcomes.failed("the targeting took more work than one evaluation may use")
        except _NoObject:
            return outcomes.failed("the context is not an object", ErrorCode.INVALID_CONTEXT)
        except Exception as error:  # noqa: BLE001  no context may break the application that asks
            return outcomes.failed(f"the targeting could not be evaluated: {type(error).__name__}")

    return resolve
