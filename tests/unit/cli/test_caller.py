"""What the API refuses is told in its own words; what is no answer of it is told as such."""

import httpx2
import pytest

from cli.caller import ApiRefusal, Caller, _answer

PAGE = "<html>Sign in</html>"


class TestAnswer:
    def test_a_problem_is_told_with_kind_sentence_and_faults(self) -> None:
        problem = {
            "type": "/problems/invalid", "status": 422, "title": "The input is not valid.",
            "faults": [{"path": "/reason", "message": "is too short"}],
        }  # fmt: skip
        answer = httpx2.Response(422, json=problem, headers={"content-type": "application/problem+json"})
        with pytest.raises(ApiRefusal) as refused:
            _answer(answer)
        assert str(refused.value) == "422 /problems/invalid: The input is not valid.\n  /reason: is too short"

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (httpx2.Response(200, html=PAGE), "200: This is no answer of Changegate's API."),
            (httpx2.Response(302, headers={"location": "https://id.example.com"}), "302: Found"),
            (httpx2.Response(502, html=PAGE), "502: Bad Gateway"),
            (httpx2.Response(403, json=["of a gateway"]), "403: Forbidden"),
        ],
    )
    def test_something_between_is_told_from_the_api(self, answer: httpx2.Response, words: str) -> None:
        with pytest.raises(ApiRefusal) as refused:
            _answer(answer)
        assert str(refused.value) == words

    def test_nothing_is_an_answer_too(self) -> None:
        assert _answer(httpx2.Response(204)) is None


class TestCaller:
    async def test_a_proxy_of_the_environment_is_for_tls_alone(self) -> None:
        """Over plain http it would read the token."""
        async with (
            Caller("https://gates.example.com", "token") as sealed,
            Caller("http://127.0.0.1:1", "token") as plain,
        ):
            assert (sealed._http.trust_env, plain._http.trust_env) == (True, False)
