"""The Python client of Changegate: settings that an application reads, and changes that people make."""

from changegate.aio import AsyncClient
from changegate.client import Client
from changegate.errors import (
    ChangegateError,
    Conflict,
    Fault,
    Invalid,
    NotAllowed,
    NotFound,
    NotKnown,
    Refused,
    SecretNotKept,
    Stale,
    Unavailable,
    Unreachable,
    Unset,
    WrongType,
)
from changegate.models import Approval, Effective, Entry, Explanation, Imported, Item, Outcome, Stored, Submitted
from changegate.picture import Change
from changegate.postings import PostingAdvice, PostingAnswers, PostingCheck
from changegate.settings import AsyncSettings, Options, Settings

__all__ = [
    "Approval",
    "AsyncClient",
    "AsyncSettings",
    "Change",
    "ChangegateError",
    "Client",
    "Conflict",
    "Effective",
    "Entry",
    "Explanation",
    "Fault",
    "Imported",
    "Invalid",
    "Item",
    "NotAllowed",
    "NotFound",
    "NotKnown",
    "Options",
    "Outcome",
    "PostingAdvice",
    "PostingAnswers",
    "PostingCheck",
    "Refused",
    "SecretNotKept",
    "Settings",
    "Stale",
    "Stored",
    "Submitted",
    "Unavailable",
    "Unreachable",
    "Unset",
    "WrongType",
]
