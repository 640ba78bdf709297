"""A role is a set of permissions; this table is the only place that says which."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    ADMIN = "Admin"
    CONFIG_MANAGER = "ConfigManager"
    APPROVER = "Approver"
    VIEWER = "Viewer"
    OPERATOR = "Operator"
    AUDITOR = "Auditor"
    FINANCE_CONTROLLER = "FinanceController"


class Permission(StrEnum):
    """What a person may do; the value is the name that problems, docs and the audit trail use."""

    FEATURES_READ = "features.read"
    FEATURES_EVALUATE = "features.evaluate"
    FEATURES_MANAGE = "features.manage"
    FEATURES_KILL = "features.kill"
    SETTINGS_READ = "settings.read"
    SETTINGS_MANAGE = "settings.manage"
    SETTINGS_REVEAL = "settings.reveal"
    WEBHOOKS_MANAGE = "webhooks.manage"
    CHANGE_READ = "change.read"
    CHANGE_PROPOSE = "change.propose"
    CHANGE_APPROVE = "change.approve"
    CHANGE_BREAKGLASS = "change.breakglass"
    ROLLOUT_CONTROL = "rollout.control"
    ROLLOUT_PROMOTE = "rollout.promote"
    TELEMETRY_WRITE = "telemetry.write"
    PERIODS_READ = "periods.read"
    PERIODS_MANAGE = "periods.manage"
    PERIODS_ADJUST = "periods.adjust"
    PERIODS_CLOSE = "periods.close"
    COMMANDS_READ = "commands.read"
    COMMANDS_SEND = "commands.send"
    COMMANDS_OPERATE = "commands.operate"
    POLICY_MANAGE = "policy.manage"
    PEOPLE_MANAGE = "people.manage"
    TENANTS_MANAGE = "tenants.manage"
    AUDIT_READ = "audit.read"
    AUDIT_EXPORT = "audit.export"


_READ = frozenset(
    {
        Permission.FEATURES_READ,
        Permission.FEATURES_EVALUATE,
        Permission.SETTINGS_READ,
        Permission.CHANGE_READ,
        Permission.PERIODS_READ,
    }
)

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission) - {Permission.CHANGE_APPROVE, Permission.CHANGE_BREAKGLASS},
    Role.CONFIG_MANAGER: _READ
    | {
        Permission.FEATURES_MANAGE,
        Permission.SETTINGS_MANAGE,
        Permission.SETTINGS_REVEAL,
        Permission.WEBHOOKS_MANAGE,
        Permission.CHANGE_PROPOSE,
        Permission.ROLLOUT_CONTROL,
        Permission.TELEMETRY_WRITE,
        Permission.COMMANDS_READ,
        Permission.COMMANDS_SEND,
    },
    Role.APPROVER: _READ | {Permission.CHANGE_APPROVE},
    Role.VIEWER: _READ,
    Role.OPERATOR: _READ
    | {
        Permission.ROLLOUT_CONTROL,
        Permission.ROLLOUT_PROMOTE,
        Permission.CHANGE_BREAKGLASS,
        Permission.TELEMETRY_WRITE,
        Permission.COMMANDS_READ,
        Permission.COMMANDS_SEND,
        Permission.COMMANDS_OPERATE,
    },
    Role.AUDITOR: _READ | {Permission.AUDIT_READ, Permission.AUDIT_EXPORT, Permission.COMMANDS_READ},
    Role.FINANCE_CONTROLLER: _READ
    | {
        Permission.PERIODS_MANAGE,
        Permission.PERIODS_ADJUST,
        Permission.PERIODS_CLOSE,
        Permission.CHANGE_APPROVE,
    },
}


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    return frozenset().union(*(GRANTS[role] for role in roles))
