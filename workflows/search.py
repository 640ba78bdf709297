"""What people filter by in the Temporal UI; no secret and no personal data beyond a handle stands here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

TENANT = SearchAttributeKey.for_keyword("Tenant")
ENVIRONMENT = SearchAttributeKey.for_keyword("Environment")
TARGET_KEY = SearchAttributeKey.for_keyword("TargetKey")
STATE = SearchAttributeKey.for_keyword("State")
STAGE = SearchAttributeKey.for_int("Stage")
REQUESTER = SearchAttributeKey.for_keyword("Requester")
STRATEGY = SearchAttributeKey.for_keyword("Strategy")
ENTITY = SearchAttributeKey.for_keyword("Entity")
PERIOD = SearchAttributeKey.for_keyword("Period")
COMMAND_TYPE = SearchAttributeKey.for_keyword("CommandType")
APPLY_AT = SearchAttributeKey.for_datetime("ApplyAt")
CHANGE = SearchAttributeKey.for_keyword_list("Change")
"""A list, since a server keeps few attributes that are plain keywords: ten in each namespace."""

ALL = (
    TENANT, ENVIRONMENT, TARGET_KEY, STATE, STAGE, REQUESTER, STRATEGY, ENTITY, PERIOD, COMMAND_TYPE, APPLY_AT, CHANGE,
)  # fmt: skip


RUN = "run"
"""The field of the memo of a close that says which attempt it is."""


def of_close(tenant: UUID, place: tuple[str, str], state: str, requester: str) -> TypedSearchAttributes:
    """`place` is its entity and its period."""
    entity, period = place
    return about(
        {TENANT: str(tenant), ENTITY: entity, PERIOD: period, TARGET_KEY: f"{entity}/{period}", STATE: state,
         REQUESTER: requester}
    )  # fmt: skip


def of_rollout(keywords: Mapping[SearchAttributeKey[str], str], apply_at: datetime | None) -> TypedSearchAttributes:
    """What waits for a moment can be found and sorted by it."""
    moment = [SearchAttributePair(APPLY_AT, apply_at)] if apply_at else []
    return TypedSearchAttributes([*about(keywords), *moment])


def of_command(tenant: UUID, name: str, type_: str, state: str, change: UUID | None) -> TypedSearchAttributes:
    """The first word of its type is its domain."""
    plain = about({TENANT: str(tenant), TARGET_KEY: name, COMMAND_TYPE: type_, STATE: state})
    changes = [SearchAttributePair(CHANGE, [str(change)])] if change else []
    return TypedSearchAttributes([*plain, *changes])


def about(keywords: Mapping[SearchAttributeKey[str], str]) -> TypedSearchAttributes:
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in keywords.items()])


def show(state: str, percent: float | None, words: str) -> None:
    """State and stage for filters when they change, and a sentence for whoever opens the workflow."""
    known = workflow.info().typed_search_attributes
    updates: list[SearchAttributeUpdate[Any]] = []
    if known.get(STATE) != state:
        updates.append(STATE.value_set(state))
    if percent is not None and known.get(STAGE) != round(percent):
        updates.append(STAGE.value_set(round(percent)))
    if updates:  # each one is an event of the history, the sentence is none
        workflow.upsert_search_attributes(updates)
    workflow.set_current_details(words)
