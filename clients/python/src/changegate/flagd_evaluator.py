"""This evaluator for whoever takes one by flagd's protocol: `Evaluator` of the package openfeature-flagd-api."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from openfeature.contrib.tools.flagd.api import FlagStoreError
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType

from changegate.evaluation import Bucketing, FlagSet, compile_flag_set, same
from changegate.models import Json
from changegate.openfeature import resolved

_PARTS: Final = ("flags", "$evaluators", "metadata")


class FlagdEvaluator:
    """Of documents in flagd's language, from wherever they come; any number of threads may resolve meanwhile.

    `bucketing` is v2 or v3, for documents whose metadata does not say it.
    """

    def __init__(self, bucketing: str = "v3") -> None:
        self._bucketing = Bucketing(bucketing)
        self._flags, self._document = _compiled({}, self._bucketing)

    def set_flags(self, flag_configuration: str | dict[str, Any]) -> None:
        self.set_flags_and_get_changed_keys(flag_configuration)

    def set_flags_and_get_changed_keys(self, flag_configuration: str | dict[str, Any]) -> list[str]:
        """FlagStoreError, and everything as before, for what is no document of flagd."""
        try:
            told = json.loads(flag_configuration) if isinstance(flag_configuration, str) else flag_configuration
            flags, document = _compiled(told, self._bucketing)
        except (TypeError, ValueError, AttributeError) as error:
            raise FlagStoreError(f"this is no document of flagd: {error}") from error
        before, self._flags, self._document = self._document, flags, document
        old, new = before["flags"], document["flags"]
        if not all(same(before[part], document[part]) for part in _PARTS[1:]):
            return sorted({*old, *new})
        return sorted(key for key in {*old, *new} if not same(old.get(key), new.get(key)))

    def get_flag_set_metadata(self) -> Mapping[str, float | int | str | bool]:
        return dict(self._document["metadata"])

    def resolve_boolean_value(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 -- the protocol's signature
        ctx: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        return resolved(self._flags, flag_key, (default_value, bool), ctx)

    def resolve_string_value(
        self, flag_key: str, default_value: str, ctx: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return resolved(self._flags, flag_key, (default_value, str), ctx)

    def resolve_integer_value(
        self, flag_key: str, default_value: int, ctx: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return resolved(self._flags, flag_key, (default_value, int), ctx)

    def resolve_float_value(
        self, flag_key: str, default_value: float, ctx: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return resolved(self._flags, flag_key, (default_value, float), ctx)

    def resolve_object_value(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        ctx: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return resolved(self._flags, flag_key, (default_value, dict), ctx)


def _compiled(told: Json, bucketing: Bucketing) -> tuple[FlagSet, Mapping[str, Json]]:
    """With what the document says; flags also as an array in which each says its key."""
    flags, rules, metadata = (told.get(part) or {} for part in _PARTS)
    if isinstance(flags, list):
        flags = {each["key"]: {name: said for name, said in each.items() if name != "key"} for each in flags}
    said = Bucketing(metadata["bucketing"]) if "bucketing" in metadata else bucketing
    compiled = compile_flag_set(
        flags, revision=0, now=time.time, bucketing=said, metadata=metadata, evaluators=rules
    )  # fmt: skip
    return compiled, {"flags": flags, "$evaluators": rules, "metadata": metadata}
