"""A stored check can be judged again by anyone, and says the same to the last bit or was not judged by this formula."""

from dataclasses import dataclass

from domain.canonical import Json
from domain.errors import Conflict, Fault, Invalid
from domain.gates.judge import judge
from domain.gates.judgement import KNOWN, Judgement
from domain.gates.observations import observation_from_json
from domain.gates.parsing import parse_gate_spec
from domain.gates.state import GateState, StageClock


class FormulaUnknown(Conflict):
    """The record was judged by another formula, so judging it again proves nothing."""

    kind = "formula-unknown"


@dataclass(frozen=True)
class Replayed:
    """`differs` are the places, as JSON Pointers, in which the stored record is not what judging it again gives."""

    judged: Judgement
    differs: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return not self.differs


def replay(record: Json) -> Judgement:
    """Judge a stored evidence record again; raises FormulaUnknown, or Invalid when it is not such a record."""
    try:
        formula = record["formula"]
        before, observation = GateState.from_json(record["before"]), observation_from_json(record["observation"])
        stage = StageClock.from_json(record["stage"])
        named = {name: observation_from_json(each) for name, each in record.get("named", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid([Fault("", "is not an evidence record")]) from error
    if formula not in KNOWN:
        raise FormulaUnknown(formula=formula, known=list(KNOWN))
    return judge(parse_gate_spec(record["spec"]), before, observation, stage, named)


def replayed(record: Json, state: Json = None) -> Replayed:
    """The record and the state after it (if given), beside what comes out now; what is stored must be there to the bit.

    A record of gates/1 is silent about what came later, and that is no difference.
    """
    judged = replay(record)
    told = {**judged.to_json(), "formula": record["formula"]}
    known = {name: record[name] for name in record if name in told}
    after = _differences("/state", state, judged.state.to_json()) if state is not None else []
    return Replayed(judged, (*_differences("", known, told), *after))


def _differences(path: str, stored: Json, now: Json) -> list[str]:
    if isinstance(stored, dict) and isinstance(now, dict):
        return [
            found
            for name in sorted(stored)
            for found in (
                _differences(f"{path}/{name}", stored[name], now[name]) if name in now else [f"{path}/{name}"]
            )
        ]
    if isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        pairs = enumerate(zip(stored, now, strict=True))
        return [found for index, (old, new) in pairs for found in _differences(f"{path}/{index}", old, new)]
    return [] if stored == now else [path]
