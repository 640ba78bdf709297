"""What a change would do to sampled contexts is said in a few sentences, which name nobody."""

from collections.abc import Iterator
from typing import Final

from domain.json_value import Json

MOST_FLAGS: Final = 5
MOST_MOVES: Final = 4
MOST_SEGMENTS: Final = 3


def sentences(impact: Json) -> Iterator[str]:
    yield _first(impact)
    if impact["unknown"] and impact["between"]:
        yield f"Of {impact['unknown']:,} more it is not known: a rule reads what was hashed or dropped."
    flags = [each for each in impact["flags"] if each["changed"]]
    for flag in flags[:MOST_FLAGS]:
        moves = [f"{move['times']:,} from {_outcomes(move)}" for move in flag["moves"][:MOST_MOVES]]
        if rest := len(flag["moves"]) - len(moves):
            moves.append(f"and {rest} more ways")
        yield f"{flag['key']}: {', '.join(moves)}."
    if rest := impact["touched"] - len(flags[:MOST_FLAGS]):
        yield f"It touches {_count(rest, 'more flag' if flags else 'flag')}."
    for segment in [each for each in impact["segments"] if each["changed"]][:MOST_SEGMENTS]:
        yield f"In the segment {segment['name']} are {segment['changed']:,} of those that change."
    if impact["hashed"] and impact["changed"]:
        yield "Subjects are hashed: shares are right, and who is in them is not told."


def _first(impact: Json) -> str:
    known, changed = impact["changed"] + impact["unchanged"], impact["changed"]
    if not impact["between"]:
        return f"Of {_count(impact['unknown'], 'sampled context')} nothing is known: a rule reads what was dropped."
    low, high = impact["between"]
    if not changed:
        return f"Of {_count(known, 'sampled context')} none changes: at 95 %, at most {_share(high)} of all do."
    share = f"at 95 %, {_share(low)} to {_share(high)} of all"
    return f"Of {_count(known, 'sampled context')} {changed:,} change, {_share(changed / known)}: {share}."


def _outcomes(move: Json) -> str:
    """By variants, and by reasons where these are all that differs."""
    before, after = move["before"], move["after"]
    if before["variant"] != after["variant"] or before["variant"] is None:
        return f"{_variant(before)} to {_variant(after)}"
    if before["reason"] == after["reason"]:
        return f"{_variant(before)} to another value of it"
    return f"{_variant(before)} as {before['reason']} to {_variant(after)} as {after['reason']}"


def _variant(outcome: Json) -> str:
    return str(outcome["variant"]) if outcome["variant"] is not None else f"no variant ({outcome['reason']})"


def _share(share: float) -> str:
    return f"{share * 100:.1f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
