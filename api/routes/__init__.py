"""One router for each noun; a route parses, asks one use case and shapes the answer."""

from api.routes import (
    approvals,
    audit,
    bundles,
    changes,
    configs,
    flags,
    people,
    rollouts,
    setting_definitions,
    settings,
    shared_rules,
    telemetry,
)

ROUTERS = (
    flags.router,
    flags.questions,
    shared_rules.router,
    setting_definitions.router,
    setting_definitions.rules,
    settings.router,
    settings.secrets,
    configs.router,
    bundles.router,
    changes.router,
    approvals.router,
    approvals.proofs,
    rollouts.router,
    people.router,
    telemetry.router,
    audit.router,
)
