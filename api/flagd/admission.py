"""Who may read a flag set as flagd does is who may evaluate it: asked once in a few seconds, by whatever way."""

from api.auth import TokenMissing
from api.callers import Callers, Headers, Seat, bearer_of, mark_of
from api.denials import write_down
from api.flagd.pictures import FlagdSet, FlagdSets
from application.authentication import Authentication
from domain.environments import Environment
from domain.errors import Missing
from domain.people import Actor, Permission, PermissionMissing

_PLACE = "flagd"
_ENVIRONMENTS = {environment.value.encode(): environment for environment in Environment}


class Admission:
    def __init__(self, authentication: Authentication, flagd_sets: FlagdSets) -> None:
        self._authentication = authentication
        self._flagd_sets = flagd_sets
        self._callers = Callers(authentication, self._reader)

    async def admitted(self, headers: Headers) -> Seat[FlagdSet]:
        """By authorization or x-api-key, changegate-tenant and changegate-environment; Missing for no environment."""
        mark = mark_of(headers)
        return self._callers.seated(mark) or await self._callers.admitted(mark, _token(headers), headers)

    async def _reader(self, actor: Actor, headers: Headers) -> FlagdSet:
        try:
            actor.require(Permission.FEATURES_EVALUATE)
        except PermissionMissing as refusal:
            await write_down(self._authentication.store, actor, _PLACE, refusal)
            raise
        environment = _ENVIRONMENTS.get(headers.get(b"changegate-environment", b"production"))
        if environment is None:
            raise Missing(kind_of_thing="environment")
        return await self._flagd_sets.get(actor.tenant, environment)


def _token(headers: Headers) -> bytes:
    token = bearer_of(headers) or headers.get(b"x-api-key", b"").strip()
    if not token:
        raise TokenMissing
    return token
