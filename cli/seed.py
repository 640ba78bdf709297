"""The people of the demo: who proposes, who approves, who operates, who audits."""

from application.ports.installation import Newcomer
from domain.people import PrincipalKind, Role

TENANT = "acme"

PEOPLE = (
    Newcomer("root", frozenset({Role.ADMIN})),
    Newcomer("ada", frozenset({Role.CONFIG_MANAGER}), email="ada@example.test"),
    Newcomer("bob", frozenset({Role.APPROVER}), email="bob@example.test"),
    Newcomer("cyd", frozenset({Role.APPROVER}), email="cyd@example.test"),
    Newcomer("olu", frozenset({Role.OPERATOR})),
    Newcomer("aud", frozenset({Role.AUDITOR})),
    Newcomer("shop", frozenset({Role.CONFIG_MANAGER}), PrincipalKind.SERVICE),
)
