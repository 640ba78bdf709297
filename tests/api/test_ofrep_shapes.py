"""Whatever OFREP allows, and much that it does not, is answered in the shapes that OFREP 0.3 knows."""

import asyncio
import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig

from application.flags import Flags
from domain.environments import Environment

BULK, SINGLE, STREAMS = "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/{key}", "/ofrep/v1/streams/flags"
TEXT = {"type": "string"}
METADATA = {"type": "object", "additionalProperties": {"type": ["boolean", "string", "number"]}}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


SUCCESS = _object(
    {"key": TEXT, "reason": {"enum": ["STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED"]}, "variant": TEXT,
     "metadata": METADATA}, value={},
)  # fmt: skip
FAILURE = _object(
    {"key": TEXT, "errorCode": {"enum": ["PARSE_ERROR", "INVALID_CONTEXT", "GENERAL"]}, "errorDetails": TEXT},
    metadata=METADATA,
)
NOT_FOUND = _object({"key": TEXT, "errorCode": {"const": "FLAG_NOT_FOUND"}, "errorDetails": TEXT, "metadata": METADATA})
BULK_FAILURE = _object({"errorCode": {"enum": ["PARSE_ERROR", "INVALID_CONTEXT"]}, "errorDetails": TEXT})
DETAILS = _object({"errorDetails": TEXT})
STREAM = _object(
    {"type": {"const": "sse"}, "endpoint": _object({"requestUri": {"type": "string", "pattern": "^/ofrep/v1/"}}),
     "inactivityDelaySec": {"type": "integer", "minimum": 0}},
)  # fmt: skip
ALL = _object(
    {"flags": {"type": "array", "items": {"anyOf": [SUCCESS, FAILURE]}}, "metadata": METADATA,
     "eventStreams": {"type": "array", "items": STREAM, "minItems": 1}},
)  # fmt: skip
BODY = {
    "type": "object",
    "properties": {"context": {"type": "object", "properties": {"targetingKey": {"type": ["string", "null"]}}}},
}


def _operation(parameters: list[dict[str, Any]], answers: dict[str, Any], *, body: bool) -> dict[str, Any]:
    told = {
        status: {"description": status, **({"content": {"application/json": {"schema": schema}}} if schema else {})}
        for status, schema in answers.items()
    }
    asked = {"requestBody": {"required": False, "content": {"application/json": {"schema": BODY}}}} if body else {}
    return {"parameters": parameters, "responses": told, **asked}


def _parameter(name: str, place: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": {**TEXT, **more}, "required": place == "path"}


OTHERS = {"401": DETAILS, "405": DETAILS, "413": DETAILS}
TAG = _parameter("If-None-Match", "header", pattern='^("[a-z0-9-]*"|W/"x"|\\*)$')
REFETCH = [_parameter("flagConfigEtag", "query"), _parameter("flagConfigLastModified", "query")]
RESUMED = [_parameter("since", "query"), _parameter("Last-Event-ID", "header", pattern="^[a-z0-9]{0,30}$")]
PATHS = {
    BULK: {"post": _operation([*REFETCH, TAG], {"200": ALL, "304": None, "400": BULK_FAILURE, **OTHERS}, body=True)},
    SINGLE: {
        "post": _operation(
            [_parameter("key", "path", minLength=1)],
            {"200": SUCCESS, "400": FAILURE, "404": NOT_FOUND, **OTHERS},
            body=True,
        )
    },
    STREAMS: {"get": _operation([_parameter("token", "query"), *RESUMED], OTHERS, body=False)},
}
CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 401, 404]},
    "negative_data_rejection": {"expected-statuses": [400, 401, 404, 405]},
}


def _schema(*, violable: bool) -> Any:
    """What OFREP says of headers and of the query cannot be violated: what is not known there is not looked at."""
    paths = copy.deepcopy(PATHS)
    for methods in paths.values() if violable else ():
        for operation in methods.values():
            operation["parameters"] = [each for each in operation["parameters"] if each["in"] == "path"]
    document = {"openapi": "3.1.0", "info": {"title": "OFREP", "version": "0.3.0"}, "paths": paths}
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({"checks": CHECKS}))


SCHEMAS = {mode: _schema(violable=mode is GenerationMode.NEGATIVE) for mode in GenerationMode}
OPERATIONS = [
    pytest.param(method, path, mode, id=f"{mode.value} {path}")
    for path, methods in PATHS.items()
    for method in methods
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or method == "post"
]


@pytest.mark.req("FR-SM-041")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("method", "path", "mode"), OPERATIONS)
async def test_every_answer_has_a_shape_of_the_protocol(
    method: str, path: str, mode: GenerationMode, world: Any, house: Any, address: str
) -> None:
    flag = {"state": "ENABLED", "variants": {"a": 1.0, "b": 2.0}, "targeting": {"fractional": [["a", 1], ["b", 1]]}}
    await Flags(world.services.store).create(house.ada, (Environment.DEV, "a"), flag, "for the test")
    headers = world.headers(house, "shop", **{"Changegate-Environment": "dev"})

    @given(case=SCHEMAS[mode][path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def conforms(case: Case[Any]) -> None:
        case.call_and_validate(base_url=address, headers=headers)

    await asyncio.to_thread(conforms)
