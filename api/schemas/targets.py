"""What a change of many targets asks of each of them, on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api.schemas.common import In, Object, TargetKey, Version
from application.drafts.wanted import Wanted
from domain.changes import Kind
from domain.settings import EntryState

_SETTING_KEY = r"^[a-zA-Z][a-zA-Z0-9_.]{0,199}$"


class FlagTargetIn(In):
    """`base_version` is the flag's version that was edited, 0 for a new flag; for tenants below there is none."""

    kind: Literal["flag"]
    key: TargetKey
    definition: Object
    base_version: Version | None = None

    def wanted(self, pointer: str) -> Wanted:
        return Wanted(Kind.FLAG, self.key, self.definition, self.base_version, pointer)


class _ValueIn(In):
    key: Annotated[str, Field(pattern=_SETTING_KEY, examples=["billing.currency"])]
    value: Any = None
    unset: Literal[True] | None = None
    enforced: bool = False
    constraint: Object | None = None
    base_version: Version | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "_ValueIn":
        if (self.unset is True) == ("value" in self.model_fields_set):
            raise ValueError("expected a value, or unset, and not both")
        return self

    def at(self, scope: str, pointer: str) -> Wanted:
        state = EntryState.UNSET if self.unset else EntryState.SET
        content: dict[str, Any] = {"key": self.key, "scope": scope, "state": state.value}
        content |= {"value": self.value} if state is EntryState.SET else {}
        content |= {"enforced": True} if self.enforced else {}
        content |= {"constraint": self.constraint} if self.constraint else {}
        return Wanted(Kind.SETTING, self.key, content, self.base_version, pointer)


class SettingTargetIn(_ValueIn):
    """A value at one scope: `value`, or `unset` to inherit again. Without `base_version` it goes over whichever is."""

    kind: Literal["setting"]
    scope: Annotated[str, Field(max_length=2_200, examples=["company:de"])] = ""

    def wanted(self, pointer: str) -> Wanted:
        return self.at(self.scope, pointer)


class ConfigTargetIn(_ValueIn):
    """A value of the tenant itself."""

    kind: Literal["config"]

    def wanted(self, pointer: str) -> Wanted:
        return self.at("", pointer)


TargetIn = Annotated[FlagTargetIn | SettingTargetIn | ConfigTargetIn, Field(discriminator="kind")]


class ChosenIn(In):
    """Which open tenants below receive it: `all`, some by `slugs`, or those with one of `tiers` and all `labels`."""

    all: Literal[True] | None = None
    slugs: Annotated[list[str], Field(min_length=1, max_length=10_000)] | None = None
    tiers: Annotated[list[str], Field(min_length=1, max_length=10)] | None = None
    labels: Annotated[dict[str, str], Field(min_length=1, max_length=20)] | None = None

    def choice(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)
