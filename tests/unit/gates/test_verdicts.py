import pytest

from domain.gates import Verdict, combined


class TestCombined:
    @pytest.mark.parametrize(
        ("verdicts", "expected"),
        [
            ((Verdict.PASS, Verdict.FAIL), Verdict.FAIL),
            ((Verdict.NO_DATA, Verdict.FAIL), Verdict.FAIL),
            ((Verdict.PASS, Verdict.NO_DATA), Verdict.NO_DATA),
            ((Verdict.NO_DATA, Verdict.PROVIDER_ERROR), Verdict.PROVIDER_ERROR),
            ((Verdict.PASS, Verdict.CONTINUE), Verdict.CONTINUE),
            ((Verdict.PASS, Verdict.INCONCLUSIVE), Verdict.INCONCLUSIVE),
            ((Verdict.PASS, Verdict.PASS), Verdict.PASS),
        ],
    )
    def test_harm_then_blindness_then_all(self, verdicts: tuple[Verdict, ...], expected: Verdict) -> None:
        assert combined(verdicts) is expected
