"""The operators of the flag language, and the compiled form of a whole rule."""

from collections.abc import Mapping

from domain.flags import clauses, control, iteration, variables
from domain.flags.bucketing import Bucketing
from domain.flags.expression import Compilation, Expression, Form, Notes
from domain.flags.fractional import split
from domain.flags.operators import FIXED, VARIADIC
from domain.json_value import Json

FORMS: Mapping[str, Form] = {
    "if": control.choose,
    "?:": control.choose,
    "and": control.every,
    "or": control.either,
    "var": variables.variable,
    "missing": variables.missing,
    "missing_some": variables.missing_some,
    "==": clauses.equal,
    "in": clauses.contained,
    "starts_with": clauses.starts,
    "ends_with": clauses.ends,
    "sem_ver": clauses.versions,
    "fractional": split,
    **iteration.FORMS,
}

OPERATORS = frozenset({*FORMS, *FIXED, *VARIADIC})


def compile_rule(
    rule: Json,
    *,
    flag_key: str,
    bucketing: Bucketing,
    evaluators: Mapping[str, Json],
    forms: Mapping[str, Form] = FORMS,
) -> tuple[Expression, Notes]:
    """The closure that evaluates a checked rule, and what it needs in order to run."""
    compilation = Compilation(flag_key, bucketing, evaluators, forms)
    run = compilation.compile(rule).run
    return run, compilation.notes
