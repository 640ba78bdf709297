"""A scope is a place in a tree whose root is the tenant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.settings import Scope
from domain.settings.scopes import LOCKS, chained

STEP = st.from_regex(r"[a-z][a-z0-9_]{0,5}:[A-Za-z0-9_.@-]{1,5}", fullmatch=True).filter(
    lambda step: not step.startswith("tenant:")
)
SCOPES = st.lists(STEP, max_size=16).map("/".join).map(Scope.parse)


class TestScope:
    def test_the_root_is_the_tenant(self) -> None:
        root = Scope.parse("")
        assert (root.text, root.kind, root.depth, root.ancestors()) == ("", "tenant", 0, (root,))

    def test_its_kind_is_that_of_the_narrowest_step(self) -> None:
        user = Scope.parse("company:de/site:berlin/user:ada@example.com")
        assert (user.kind, user.depth) == ("user", 3)

    def test_its_ancestors_go_from_the_root_to_itself(self) -> None:
        texts = [scope.text for scope in Scope.parse("company:de/site:berlin").ancestors()]
        assert texts == ["", "company:de", "company:de/site:berlin"]

    def test_a_name_that_begins_alike_is_not_contained(self) -> None:
        assert not Scope.parse("site:berlin").contains(Scope.parse("site:berlin2"))

    @given(SCOPES)
    def test_it_is_what_its_text_says(self, scope: Scope) -> None:
        assert Scope.parse(scope.text) == scope
        assert len(scope.ancestors()) == scope.depth + 1

    @given(SCOPES, SCOPES)
    def test_it_contains_exactly_those_whose_ancestor_it_is(self, one: Scope, other: Scope) -> None:
        assert one.contains(other) == (one in other.ancestors())

    @given(SCOPES)
    def test_ancestors_contain_it_and_sort_before_it(self, scope: Scope) -> None:
        assert all(ancestor.contains(scope) for ancestor in scope.ancestors())
        assert list(scope.ancestors()) == sorted(scope.ancestors())

    @pytest.mark.parametrize(
        "text",
        [
            "/",
            "company",
            "company:",
            ":de",
            "Company:de",
            "1st:de",
            "company:de/",
            "/company:de",
            "company:de//site:a",
            "company:d e",
            "company:de\n",
            "company:dé",
            "company:de:at",
            "tenant:acme",
            "company:" + "a" * 101,
            "c" * 31 + ":de",
            "/".join(["unit:a"] * 17),
            None,
            7,
        ],
    )
    def test_what_names_no_place_is_refused(self, text: str) -> None:
        with pytest.raises(Invalid) as refused:
            Scope.parse(text)
        assert [fault.path for fault in refused.value.faults] == ["/scope"]

    def test_none_exists_that_is_not_valid(self) -> None:
        with pytest.raises(Invalid):
            Scope("nowhere")


class TestBeyond:
    @pytest.mark.parametrize("text", LOCKS)
    def test_what_is_above_the_tenant_is_no_place_that_a_person_names(self, text: str) -> None:
        assert Scope(text).text == text
        with pytest.raises(Invalid):
            Scope.parse(text)

    @pytest.mark.parametrize("text", ["~", "~8", "~00", "~0/company:de", "company:de/~0"])
    def test_no_other_place_is_above(self, text: str) -> None:
        with pytest.raises(Invalid):
            Scope(text)

    def test_it_stands_before_all_else_the_top_first(self) -> None:
        said = {"~1": 1, "": 1, "environment:staging": 1, "~0": 1, "company:de": 1}
        assert chained(["", "company:de"], said) == ["~0", "~1", "environment:staging", "", "company:de"]
        assert chained(["", "company:de"], {"company:fr": 1}) == ["", "company:de"]
