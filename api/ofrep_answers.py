"""What OFREP answers: the messages of an outcome are made once, and then sent as they are to whoever asks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.types import Message

from api.problems import headers_of, status_of
from domain.canonical import Json
from domain.errors import Invalid, Refusal
from domain.flags import CODE_DEFAULT, ErrorCode, Evaluation

OK, UNCHANGED, BAD, ABSENT, METHOD, LARGE, BROKEN = 200, 304, 400, 404, 405, 413, 500
_MOST_KEPT, _LARGEST_KEPT = 10_000, 4_096
# Each header costs as much as an evaluation; what is left is what an answer to a program needs.
_HEADERS = ((b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff"))
_UNCACHED = (*_HEADERS, (b"cache-control", b"no-store"))
_REVALIDATED = (*_HEADERS, (b"cache-control", b"private, no-cache"))
_NOTHING_MORE: Mapping[str, str] = {}


class Answer(NamedTuple):
    """The two messages of an ASGI response, which are read and never changed."""

    status: int
    start: Message
    body: Message


class Refused(Exception):
    """This request is answered with what it carries."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Outcomes:
    """The answer to each outcome that flags share among contexts, by the identity of the outcome.

    A new version of a flag has new outcomes; what nobody is given any more goes when there are too many.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Evaluation, Answer]] = {}

    def answer(self, evaluation: Evaluation) -> Answer:
        kept = self._kept.get(id(evaluation))
        if kept is not None and kept[0] is evaluation:  # an id may be that of something else by now
            return kept[1]
        if evaluation.error_code is not None:
            missing = evaluation.error_code is ErrorCode.FLAG_NOT_FOUND
            return said(ABSENT if missing else BAD, orjson.dumps(_failure(evaluation)))
        answer = said(OK, orjson.dumps(_success(evaluation)))
        if len(answer.body["body"]) <= _LARGEST_KEPT:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[id(evaluation)] = (evaluation, answer)
        return answer

    def all(
        self, evaluations: list[Evaluation], metadata: Mapping[str, Any], tag: str | None, streams: bytes = b"[]"
    ) -> Answer:
        listed = b",".join([self.answer(evaluation).body["body"] for evaluation in evaluations])
        body = b'{"flags":[%b],"metadata":%b,"eventStreams":%b}' % (listed, orjson.dumps(dict(metadata)), streams)
        return said(OK, body, {} if tag is None else {"ETag": tag})


def said(status: int, body: bytes, more: Mapping[str, str] = _NOTHING_MORE) -> Answer:
    headers = [*(_REVALIDATED if "ETag" in more else _UNCACHED)]
    if status != UNCHANGED:
        headers.append((b"content-length", b"%d" % len(body)))
    headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return Answer(status, start, {"type": "http.response.body", "body": body})


def told(status: int, content: Json, more: Mapping[str, str] = _NOTHING_MORE) -> Answer:
    return said(status, orjson.dumps(content), more)


def general(details: str, code: str = "GENERAL", key: str | None = None) -> Answer:
    named = {} if key is None else {"key": key}
    return told(BAD, {**named, "errorCode": code, "errorDetails": details})


def refusal_answer(refusal: Refusal, key: str | None = None) -> Answer:
    status = status_of(refusal)
    if status == 422:  # noqa: PLR2004 -- OFREP has no 422
        faults = refusal.faults if isinstance(refusal, Invalid) else ()
        return general(" ".join([str(refusal), *(f"{each.path}: {each.message}" for each in faults)]), key=key)
    return told(status, {"errorDetails": str(refusal)}, headers_of(refusal))


def _success(evaluation: Evaluation) -> dict[str, Any]:
    """`variant` always: clients look for it; no `value` at all means that the application's own default holds."""
    content: dict[str, Any] = {
        "key": evaluation.key,
        "reason": evaluation.reason,
        "variant": evaluation.variant or "",
        "metadata": evaluation.metadata,
    }
    if evaluation.value is not CODE_DEFAULT:
        content["value"] = evaluation.value
    return content


def _failure(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "key": evaluation.key,
        "errorCode": evaluation.error_code,
        "errorDetails": evaluation.error_details or "",
        "metadata": evaluation.metadata,
    }
