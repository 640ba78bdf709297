"""What is done with each request is the same in every framework: it is told who asks, and counted once it is over."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.transaction_context import ContextVarsTransactionContextPropagator

from changegate.telemetry import Telemetry, Unit

R = TypeVar("R")
FAILED = 500
"""Answers with this status or a higher one are errors."""

log = logging.getLogger("changegate")


class Entrance(Generic[R]):
    """`context` says who asks; every evaluation of that request then knows it."""

    def __init__(self, telemetry: Telemetry | None, context: Callable[[R], EvaluationContext] | None) -> None:
        self._telemetry = telemetry
        self._context = context
        if context is not None:
            api.set_transaction_context_propagator(ContextVarsTransactionContextPropagator())

    def begin(self, request: R) -> Unit:
        if self._context is not None:
            api.set_transaction_context(self._said(self._context, request))
        return Unit(0.0, over=True) if self._telemetry is None else self._telemetry.begin()

    def end(self, unit: Unit) -> None:
        if self._telemetry is not None:
            self._telemetry.end(unit)

    def _said(self, context: Callable[[R], EvaluationContext], request: R) -> EvaluationContext:
        """No request fails because nobody can say who asks."""
        try:
            return context(request)
        except Exception:
            log.exception("nobody can say who asks")
            return EvaluationContext()
