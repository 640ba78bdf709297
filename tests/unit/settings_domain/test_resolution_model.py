"""Any chain resolves as a slow model says."""

import json
from typing import Any

from hypothesis import HealthCheck, event, given, settings

from domain.settings import UNSET, Definition, Level, Resolution, SettingType, resolve
from tests.unit.settings_domain.questions import HOURS, hour, questions
from tests.unit.settings_domain.slow_model import NOTHING, changing, modelled, same, size


def outcome(resolution: Resolution) -> tuple[Any, ...]:
    value = "nothing" if resolution.value is UNSET else json.dumps(resolution.value, sort_keys=True)
    return resolution.found, value, resolution.winner, [(line.label, line.state.value) for line in resolution.trace]


class TestAnyChain:
    @settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions)
    def test_resolves_as_the_model_says(self, question: tuple[Definition, list[Level], int]) -> None:
        definition, chain, number = question
        at = hour(number)
        model = modelled(definition, chain, at)
        resolution = resolve(definition, chain, at)
        found = model["value"] is not NOTHING
        value = json.dumps(model["value"], sort_keys=True) if found else "nothing"
        assert outcome(resolution) == (found, value, model["winner"], model["trace"])
        for line in resolution.trace:
            if line.label in model["said"]:
                said = model["said"][line.label]
                assert line.value is UNSET if said is NOTHING else same(line.value, said)
            elif line.state.value != "shadowed":
                assert line.value is UNSET
        if found and definition.type is SettingType.DURATION and model["value"] is not None:
            assert resolution.seconds == size(model["value"])
        else:
            assert resolution.seconds is None
        for state in {state for _, state in model["trace"]}:
            event(state)

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions)
    def test_stays_as_it_is_until_the_next_change(self, question: tuple[Definition, list[Level], int]) -> None:
        definition, chain, number = question
        now = resolve(definition, chain, hour(number))
        assert now.next_change == changing(chain, hour(number))
        for later in range(number, HOURS + 1):
            if now.next_change is None or hour(later) < now.next_change:
                then = resolve(definition, chain, hour(later))
                assert outcome(then)[:3] == outcome(now)[:3]
                assert then.constraint == now.constraint

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions)
    def test_is_never_outside_the_constraint_in_force(self, question: tuple[Definition, list[Level], int]) -> None:
        definition, chain, number = question
        resolution = resolve(definition, chain, hour(number))
        if resolution.found and resolution.constraint is not None:
            assert resolution.constraint.faults(resolution.value) == []
