"""What docs/reference says is what the code says now."""

import json
from typing import Any

import pytest

from api import reference
from docs import generate
from domain.errors import Refusal


class TestReference:
    @pytest.mark.parametrize("page", sorted(generate.pages()))
    def test_the_page_is_what_the_code_says_now(self, page: str) -> None:
        written = (generate.FOLDER / page).read_text(encoding="utf-8")
        assert written == generate.pages()[page], "run `make docs` and look at the difference"

    def test_there_is_no_other_page(self) -> None:
        assert {path.name for path in generate.FOLDER.iterdir()} == set(generate.pages())

    def test_every_operation_has_a_summary_and_named_answers(self) -> None:
        document: dict[str, Any] = json.loads((generate.FOLDER / "openapi.json").read_text(encoding="utf-8"))
        assert document["paths"].keys() == reference.openapi()["paths"].keys()
        for operations in document["paths"].values():
            for operation in operations.values():
                assert operation["summary"]
                assert {"401", "403", "404"} <= operation["responses"].keys()


class TestRefusals:
    @pytest.mark.parametrize("refusal", generate.refusals(), ids=lambda refusal: refusal.__name__)
    def test_a_refusal_has_its_own_sentence_and_kind_and_is_documented(self, refusal: type[Refusal]) -> None:
        assert "__doc__" in vars(refusal)
        assert "kind" in vars(refusal)
        sentence = (refusal.__doc__ or "").strip()
        assert sentence.endswith(".")
        assert f"| `{refusal.kind}` |" in (generate.FOLDER / "problems.md").read_text(encoding="utf-8")

    def test_no_two_refusals_share_a_kind(self) -> None:
        kinds = [refusal.kind for refusal in generate.refusals()]
        assert sorted(kinds) == sorted(set(kinds))
