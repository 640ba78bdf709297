"""The ways a write of settings is refused."""

from domain.errors import Conflict, Invalid


class SettingEnforced(Conflict):
    """A broader scope enforces its value here."""

    kind = "setting-enforced"


class OutOfPolicy(Invalid):
    """A broader scope does not allow this value."""

    kind = "out-of-policy"


class RulesViolated(Invalid):
    """Together these settings break a rule."""

    kind = "rules-violated"


class IncompatibleDefinition(Conflict):
    """Values that are stored do not fit the new definition."""

    kind = "incompatible-definition"


class DefinitionExists(Conflict):
    """A setting with this key is defined already."""

    kind = "definition-exists"


class CalendarBegun(Conflict):
    """A period of the calendar that this setting drives has begun: the setting stays as it is."""

    kind = "calendar-begun"
