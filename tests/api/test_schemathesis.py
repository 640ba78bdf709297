"""Whatever the document allows, and much that it does not, is answered as the document says."""

import asyncio
import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig

from api.reference import openapi

CONFIG = {
    # A document can give the form of a definition, a plan or a cursor, and not that its parts agree: that is a 422.
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 409, 412, 422, 428]},
        # A list of more items than are allowed may be a body of more bytes than are: 413 says so first.
        "negative_data_rejection": {
            "expected-statuses": [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
        },
    },
}


def _asked_as_admin(*, secured: bool) -> Any:
    """The document without what the test itself fills in: who asks is the subject of the access tests."""
    document = copy.deepcopy(openapi())
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [each for each in operation["parameters"] if each["name"] != "Changegate-Tenant"]
            if not secured:
                operation.pop("security")
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))


SCHEMAS = {
    GenerationMode.POSITIVE: _asked_as_admin(secured=True),
    GenerationMode.NEGATIVE: _asked_as_admin(secured=False),
}
ANY_BYTES = "application/octet-stream"
OPERATIONS = [
    pytest.param(method, path, mode, id=f"{mode.value} {method} {path}")
    for mode, schema in SCHEMAS.items()
    for path, methods in schema.raw_schema["paths"].items()
    for method, operation in methods.items()
    if mode is GenerationMode.POSITIVE
    or operation["parameters"]
    or operation.get("requestBody", {"content": {ANY_BYTES: {}}})["content"].keys() != {ANY_BYTES}  # nothing to violate
]
EXAMPLES = {GenerationMode.POSITIVE: 15, GenerationMode.NEGATIVE: 10}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("method", "path", "mode"), OPERATIONS)
class TestEveryOperation:
    async def test_answers_as_described(
        self, method: str, path: str, mode: GenerationMode, world: Any, house: Any, address: str
    ) -> None:
        headers = world.headers(house, "root")

        @given(case=SCHEMAS[mode][path][method].as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES[mode], deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def conforms(case: Case[Any]) -> None:
            case.call_and_validate(base_url=address, headers=headers)

        await asyncio.to_thread(conforms)
