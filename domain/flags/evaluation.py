"""An evaluation says which value a flag has for one context, by which variant, and why."""

from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple

from domain.json_value import Json


class CodeDefault(Enum):
    """Stands for "no value": the application falls back to the default in its own code."""

    CODE_DEFAULT = "code default"

    def __repr__(self) -> str:
        return self.name


CODE_DEFAULT: Final = CodeDefault.CODE_DEFAULT


class Reason(StrEnum):
    __hash__ = str.__hash__  # evaluations are counted by reason; the hash of an Enum is a call into Python
    STATIC = "STATIC"
    TARGETING_MATCH = "TARGETING_MATCH"
    DEFAULT = "DEFAULT"
    DISABLED = "DISABLED"
    ERROR = "ERROR"


class ErrorCode(StrEnum):
    """The OpenFeature error codes that an evaluation here can end with."""

    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    GENERAL = "GENERAL"


class Evaluation(NamedTuple):
    """The outcome; one object serves every context with the same outcome, so its parts are read and never changed."""

    key: str
    value: Json | CodeDefault
    variant: str | None
    reason: Reason
    error_code: ErrorCode | None
    error_details: str | None
    metadata: dict[str, Any]

    @property
    def failed(self) -> bool:
        return self.error_code is not None


def failure(key: str, code: ErrorCode, details: str, metadata: dict[str, Any]) -> Evaluation:
    return Evaluation(key, CODE_DEFAULT, None, Reason.ERROR, code, details, metadata)
