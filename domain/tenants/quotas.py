"""A tier says how much of each thing a tenant may have; a number of its own says otherwise for one tenant."""

from collections.abc import Mapping
from enum import StrEnum

from domain.errors import Conflict, Fault, Invalid


class Tier(StrEnum):
    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Quota(StrEnum):
    """What is counted, in every environment together.

    A value counts once for each key, scope and environment where one was ever written: its history is kept. So does a
    tenant below that was deleted: it may come back.
    """

    FLAGS = "flags"
    SETTING_DEFINITIONS = "setting_definitions"
    SETTING_VALUES = "setting_values"
    PEOPLE = "people"
    TENANTS = "tenants"
    TEMPLATES = "templates"


class QuotaExceeded(Conflict):
    """This tenant has as many of these as it may have."""

    kind = "quota-exceeded"


DEFAULTS: Mapping[Tier, Mapping[Quota, int]] = {
    Tier.FREE: {
        Quota.FLAGS: 50,
        Quota.SETTING_DEFINITIONS: 200,
        Quota.SETTING_VALUES: 1_000,
        Quota.PEOPLE: 5,
        Quota.TENANTS: 0,
        Quota.TEMPLATES: 0,
    },
    Tier.PRO: {
        Quota.FLAGS: 1_000,
        Quota.SETTING_DEFINITIONS: 2_000,
        Quota.SETTING_VALUES: 20_000,
        Quota.PEOPLE: 100,
        Quota.TENANTS: 10,
        Quota.TEMPLATES: 10,
    },
    Tier.ENTERPRISE: {},
}
"""What a tier does not name has no limit."""


def check_within(parent: Mapping[Quota, int], tier: Tier, own: Mapping[Quota, int]) -> None:
    """Nobody gives more than they may have; Invalid with every fault."""
    limits = limits_of(tier, own)
    faults = [
        Fault(f"/quotas/{quota.value}", f"at most {most}, which is what its parent may have")
        for quota, most in sorted(parent.items())
        if limits.get(quota, most + 1) > most
    ]
    if faults:
        raise Invalid(faults)


def limits_of(tier: Tier, own: Mapping[Quota, int]) -> dict[Quota, int]:
    """The limits in force; what is missing has none."""
    return {**DEFAULTS[tier], **own}
