import json
import math

import pytest

from adapters.metrics.answers import Series, Unanswered, buckets_of, number_of, series_of


def answer(kind: str, result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def bucket(le: object, height: str) -> dict[str, object]:
    return {"metric": {"le": le}, "value": [0, height]}


def vector(*heights: tuple[object, str]) -> Series:
    return series_of(200, answer("vector", [bucket(le, height) for le, height in heights]))


class TestNumber:
    @pytest.mark.req("S51")
    @pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "-1"])
    def test_what_is_no_count_is_none(self, text: str) -> None:
        assert number_of(series_of(200, answer("scalar", [0, text]))) is None

    @pytest.mark.req("S51")
    def test_no_series_is_none(self) -> None:
        assert number_of(series_of(200, answer("vector", []))) is None

    @pytest.mark.parametrize("value", [[0, None], [0, "many"], [0]])
    def test_anything_else_is_malformed(self, value: object) -> None:
        with pytest.raises(Unanswered, match="malformed_answer"):
            number_of(series_of(200, answer("vector", [{"metric": {}, "value": value}])))

    def test_a_range_is_a_bad_query(self) -> None:
        with pytest.raises(Unanswered, match="bad_query") as refused:
            series_of(200, answer("matrix", []))
        assert refused.value.detail == "returns a matrix; an instant vector is needed"

    def test_a_proxys_400_is_not_taken_for_prometheus(self) -> None:
        with pytest.raises(Unanswered, match="http_400"):
            series_of(400, b"<html>Bad Request</html>")


class TestBuckets:
    def test_are_sorted_by_bound(self) -> None:
        assert buckets_of(vector(("+Inf", "9"), ("0.5", "7"), ("0.1", "3"))) == ((0.1, 3), (0.5, 7), (math.inf, 9))

    @pytest.mark.req("S51")
    def test_one_nan_is_no_histogram(self) -> None:
        assert buckets_of(vector(("0.1", "NaN"), ("+Inf", "9"))) == ()
        assert buckets_of([]) == ()

    @pytest.mark.req("S52")
    @pytest.mark.parametrize(
        ("series", "reason"),
        [
            ((("0.1", "3"), ("0.10", "3"), ("+Inf", "9")), "ambiguous_series"),
            (((None, "3"),), "buckets_without_le"),
            ((("fast", "3"),), "buckets_without_le"),
            ((("0.1", "3"),), "malformed_buckets"),
            ((("0.1", "9"), ("+Inf", "3")), "malformed_buckets"),
            ((("NaN", "9"), ("+Inf", "9")), "malformed_buckets"),
        ],
    )
    def test_others_are_refused_by_name(self, series: tuple[tuple[object, str], ...], reason: str) -> None:
        with pytest.raises(Unanswered, match=reason):
            buckets_of(vector(*series))
