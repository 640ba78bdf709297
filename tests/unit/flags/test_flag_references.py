"""A key is found where it stands as a word of its own."""

import pytest

from domain.flags.references import Reference, is_binary, references

KEYS = frozenset({"checkout", "shop.checkout", "new-basket", "dark_mode", "a.b.c"})


def keys(line: str) -> list[str]:
    return [each.key for each in references("x", line.encode(), KEYS)]


@pytest.mark.req("FL3")
class TestReferences:
    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ('client.get_boolean_value("checkout", False)', ["checkout"]),
            ("if flags.checkout.enabled {", ["checkout"]),
            ("<Flag name='new-basket'>", ["new-basket"]),
            ("$client->getBooleanValue('dark_mode', false);", ["dark_mode"]),
            ('is("shop.checkout")', ["shop.checkout"]),
            ("x.shop.checkout.y", ["shop.checkout"]),
            ("shop.checkout or checkout", ["checkout", "shop.checkout"]),
            ("checkout: true", ["checkout"]),
            ("see checkout.", ["checkout"]),
            ("a.b.c.checkout", ["a.b.c", "checkout"]),
            ("checkouts precheckout checkout_2 my-checkout new-basket-2", []),
            ("écheckout checkouté", []),
            ("a.b", []),
        ],
    )
    def test_words_of_any_language(self, line: str, found: list[str]) -> None:
        assert keys(line) == found

    def test_each_line_is_named_once(self) -> None:
        content = b"checkout checkout\r\n\r\nno\ncheckout"
        assert references("a/b.py", content, KEYS) == [Reference("checkout", "a/b.py", (1, 4))]

    def test_long_chains_end(self) -> None:
        assert keys("a." * 5_000 + "checkout") == []

    def test_a_nul_makes_a_file_binary(self) -> None:
        assert (is_binary(b"a\0b"), is_binary("checkout ✓".encode())) == (True, False)
