"""The words of an expression are few and not nested deep, so that the parser behind never meets what could harm it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.settings.fields import KEY_PATTERN, LONGEST_KEY

MOST_TOKENS = 256
DEEPEST_BRACKETS = 16
LOOPS = frozenset({"all", "exists", "exists_one", "filter"})

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\n\f\r]|//[^\n]*)+)"""
    r"""|(?P<text>"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')"""
    r"""|(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])"""
)
_WORDS = frozenset({"true", "false", "null", "in"})
_BEFORE_QUESTION = frozenset({"", "(", "&&", "||", "?", ":", ","})
_HOW_TO_READ = 'settings are read as settings["a.b"], and asked for as "a.b" in settings'
_NO_SUM = "expected no + within a loop: lists and texts would grow with every step"
_HOW_TO_LOOP = 'a loop goes through the list of one setting: settings["a.b"].all(x, ...)'


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str


_NOTHING = Token("nothing", "")
Tokens = Sequence[Token]


@lru_cache(maxsize=1_024)
def tokens_of(source: str) -> tuple[Token, ...] | None:
    """The tokens without spaces and comments; None where there is something else, a raw or a triple-quoted text too."""
    tokens: list[Token] = []
    place, previous = 0, ""
    while place < len(source):
        found = _TOKEN.match(source, place)
        if found is None:
            return None
        kind = str(found.lastgroup)
        if kind == "text" and previous in {"name", "text"}:
            return None
        if kind != "space":
            tokens.append(Token(kind, found[0]))
        place, previous = found.end(), kind
    return tuple(tokens)


def token_faults(tokens: Tokens, functions: Iterable[str]) -> list[str]:
    """What is wrong with the words of an expression: how many they are, how deep, and what they name."""
    if len(tokens) > MOST_TOKENS:
        return [f"expected at most {MOST_TOKENS} words and signs"]
    found: list[str] = []
    depth, loop_depth, loop_variable = 0, 0, ""
    for place, token in enumerate(tokens):
        if token.kind == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
            if depth > DEEPEST_BRACKETS:
                return [f"expected brackets at most {DEEPEST_BRACKETS} deep"]
            loop_depth = loop_depth if depth >= loop_depth else 0
            found += [_NO_SUM] if loop_depth and token.text == "+" else []
        elif _begins_loop(tokens, place):
            if loop_depth:
                return ["expected no loop within a loop"]
            found += [] if _setting_before(tokens, place) else [_HOW_TO_LOOP]
            loop_depth, loop_variable = depth + 1, _at(tokens, place + 2).text
        elif token.kind == "name" and not (loop_depth and _is_variable(tokens, place, loop_variable)):
            found += _name_faults(tokens, place, functions)
    return list(dict.fromkeys(found))


def keys_of(tokens: Tokens) -> frozenset[str]:
    """What is read or asked for, in tokens without faults."""
    return frozenset(reads_of(tokens))


@dataclass(frozen=True, slots=True)
class Loop:
    """A list that is gone through, and what is done with each item of it; `copies` if the items are collected."""

    key: str
    body: Tokens
    copies: bool


def loops_of(tokens: Tokens) -> tuple[Loop, ...]:
    """In tokens without faults."""
    places = (place for place in range(len(tokens)) if _begins_loop(tokens, place))
    return tuple(
        Loop(_at(tokens, place - 3).text[1:-1], _within_brackets(tokens, place + 2), tokens[place].text == "filter")
        for place in places
    )


def reads_of(tokens: Tokens) -> tuple[str, ...]:
    """The key of each reading, as often as it is read."""
    return tuple(_key_at(tokens, place) or "" for place in _places_of_settings(tokens))


def _within_brackets(tokens: Tokens, start: int) -> Tokens:
    depth = 1
    for place in range(start, len(tokens)):
        depth += (tokens[place].text in "([{") - (tokens[place].text in ")]}") if tokens[place].kind == "sign" else 0
        if depth == 0:
            return tokens[start:place]
    return tokens[start:]


def _is_variable(tokens: Tokens, place: int, variable: str) -> bool:
    return tokens[place].text == variable != "settings" and not _called(tokens, place)


def _name_faults(tokens: Tokens, place: int, functions: Iterable[str]) -> list[str]:
    name, before = tokens[place].text, _at(tokens, place - 1).text
    if _called(tokens, place):
        known = name in functions or (name == "has" and before != ".")
        return [] if known else [f"unknown function {name}"]
    if before == ".":
        owner = _at(tokens, place - 2)
        return [] if owner.kind in {"name", "text"} or owner.text in {")", "]", "}"} else [f"unknown variable .{name}"]
    if name == "settings":
        return [] if _key_at(tokens, place) else [_HOW_TO_READ]
    return [] if name in _WORDS else [f"unknown variable {name}"]


def _key_at(tokens: Tokens, place: int) -> str | None:
    """The key that `settings` at this place is read for, or asked for; None where it is used in another way."""
    after = _at(tokens, place + 1).text
    if after == "[":
        return _key(_at(tokens, place + 2)) if _at(tokens, place + 3).text == "]" else None
    asked = _at(tokens, place - 1).text == "in" and _at(tokens, place - 3).text in _BEFORE_QUESTION
    return _key(_at(tokens, place - 2)) if asked and after not in {".", "(", "{"} else None


def _key(token: Token) -> str | None:
    key = token.text[1:-1] if token.kind == "text" else ""
    return key if len(key) <= LONGEST_KEY and KEY_PATTERN.fullmatch(key) else None


def _begins_loop(tokens: Tokens, place: int) -> bool:
    return tokens[place].text in LOOPS and _called(tokens, place) and _at(tokens, place - 1).text == "."


def _setting_before(tokens: Tokens, place: int) -> bool:
    """Whether `settings["a.b"].` and nothing else stands before this place."""
    read = _at(tokens, place - 5).text == "settings" and _key_at(tokens, place - 5) is not None
    return read and _at(tokens, place - 6).text != "."


def _called(tokens: Tokens, place: int) -> bool:
    return _at(tokens, place + 1).text == "("


def _places_of_settings(tokens: Tokens) -> Iterator[int]:
    for place, token in enumerate(tokens):
        if token.kind == "name" and token.text == "settings" and _at(tokens, place - 1).text != ".":
            yield place


def _at(tokens: Tokens, place: int) -> Token:
    return tokens[place] if 0 <= place < len(tokens) else _NOTHING
