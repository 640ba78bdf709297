"""The tables as queries see them; the migrations own their shape."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Enum,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, TSTZRANGE

from domain.environments import Environment

metadata = MetaData()
moment = TIMESTAMP(timezone=True)
environment = Enum(Environment, name="environment", values_callable=lambda kinds: [kind.value for kind in kinds])


def _table(called: str, /, **columns: Any) -> Table:
    return Table(called, metadata, Column("tenant_id", Uuid), *(Column(key, kind) for key, kind in columns.items()))


tenant = _table(
    "tenant",
    slug=Text,
    name=Text,
    created_at=moment,
    tier=Text,
    quotas=JSONB,
    labels=JSONB,
    parent=Uuid,
    ancestors=ARRAY(Uuid),
    suspended_at=moment,
    deleted_at=moment,
    version=BigInteger,
)
tenant_version = _table("tenant_version", version=BigInteger, record=JSONB, request=Uuid, written_at=moment)
tenant_template = _table(
    "tenant_template",
    name=Text,
    version=BigInteger,
    content=JSONB,
    written_by=Uuid,
    written_at=moment,
    reason=Text,
    request=Uuid,
)
tenant_lock = _table(
    "tenant_lock",
    environment=environment,
    key=Text,
    version=BigInteger,
    lock=JSONB(none_as_null=True),
    written_by=Uuid,
    written_at=moment,
    reason=Text,
    request=Uuid,
)
tenant_use = _table("tenant_use", quota=Text, used=BigInteger, most=BigInteger)
principal = _table(
    "principal",
    principal_id=Uuid,
    issuer=Text,
    subject=Text,
    handle=Text,
    kind=Text,
    email=Text,
    roles=ARRAY(Text),
)
delegation = _table("delegation", giver=Uuid, taker=Uuid, starts=moment, ends=moment, revoked_at=moment)
flag_set = _table("flag_set", environment=environment, revision=BigInteger, metadata=JSONB)
_FLAG = {
    "environment": environment,
    "key": Text,
    "version": BigInteger,
    "definition": JSONB,
    "origin": Text,
    "written_by": Uuid,
    "written_at": moment,
    "request": Uuid,
}
flag = _table("flag", **_FLAG)
flag_version = _table("flag_version", **_FLAG)
approval_policy = _table("approval_policy", environment=environment, kind=Text, policy=JSONB, version=BigInteger)
change_set = _table(
    "change_set",
    change_id=Uuid,
    author=Uuid,
    contributors=ARRAY(Uuid),
    content=JSONB,
    digest=Text,
    reason=Text,
    ticket=Text,
    supersedes=Uuid,
    reverts=Uuid,
    reach=JSONB(none_as_null=True),
    status=Text,
    revision=Integer,
    created_at=moment,
)
approval = _table(
    "approval",
    approval_id=Uuid,
    environment=environment,
    digest=Text,
    authors=ARRAY(Uuid),
    policy=JSONB,
    standing=Text,
    opened_at=moment,
    level_opened_at=moment,
    closed_at=moment,
    escalated=ARRAY(Integer),
)
approval_vote = _table(
    "approval_vote",
    vote_id=BigInteger,
    approval_id=Uuid,
    voter=Uuid,
    behalf=Uuid,
    author=Uuid,
    level=Integer,
    answer=Text,
    digest=Text,
    reason=Text,
    via=Text,
    voted_at=moment,
    dropped_at=moment,
    dropped=Text,
    escalated=Boolean,
)
rollout = _table(
    "rollout",
    rollout_id=Uuid,
    environment=environment,
    key=Text,
    kind=Text,
    digest=Text,
    requester=Uuid,
    plan=JSONB,
    state=Text,
    terminal=Boolean,
    stage=Integer,
    phase=Text,
    cause=Text,
    verdict=Text,
    base_version=BigInteger,
    live_version=BigInteger,
    revision=Integer,
    started=Boolean,
    created_at=moment,
    stages=Integer,
    superseded_by=Uuid,
    emergency=Text,
    priority=Integer,
    reverts=Uuid,
    ended_at=moment,
    watched=Boolean,
)
rollout_transition = _table(
    "rollout_transition",
    rollout_id=Uuid,
    seq=Integer,
    step=Text,
    from_state=Text,
    to_state=Text,
    cause=Text,
    actor=Uuid,
    stage=Integer,
    percent=Double,
    reason=Text,
    at=moment,
)
gate_check = _table(
    "gate_check",
    rollout_id=Uuid,
    number=Integer,
    stage=Integer,
    verdict=Text,
    sentence=Text,
    record=Text,
    state=Text,
    judged_at=moment,
)
intent = _table(
    "intent", intent_id=Uuid, actor=Uuid, verb=Text, subject=Uuid, body=JSONB, expires_at=moment, done_at=moment
)
telemetry_batch = _table("telemetry_batch", source=Uuid, batch=Text)
telemetry = _table(
    "telemetry",
    environment=environment,
    key=Text,
    variant=Text,
    window_end=moment,
    source=Uuid,
    batch=Text,
    requests=BigInteger,
    errors=BigInteger,
    bounds=ARRAY(Double),
    counts=ARRAY(BigInteger),
)
review = _table(
    "review",
    review_id=Uuid,
    environment=environment,
    key=Text,
    opened_by=Uuid,
    reason=Text,
    opened_at=moment,
    rollout=Uuid,
    due_at=moment,
    closed_at=moment,
    cause=Text,
    change=Uuid,
    incident=Text,
    finding=Text,
    closed_by=Uuid,
    escalated_at=moment,
)
idempotency_key = _table(
    "idempotency_key",
    principal=Uuid,
    key=Text,
    fingerprint=Text,
    status=Integer,
    body=LargeBinary,
    claimed_at=moment,
)
audit_event = _table(
    "audit_event",
    event_id=Uuid,
    recorded_at=moment,
    occurred_at=moment,
    actor_type=Text,
    actor=Uuid,
    action=Text,
    resource_type=Text,
    resource=Text,
    outcome=Text,
    change_id=Uuid,
    workflow_id=Text,
    run_id=Text,
    trace_id=Text,
    canon=LargeBinary,
    leaf=LargeBinary,
    **{"class": Text},
)
_DEFINITION = {
    "key": Text,
    "version": BigInteger,
    "definition": JSONB,
    "written_by": Uuid,
    "written_at": moment,
    "request": Uuid,
}
setting_definition = _table("setting_definition", **_DEFINITION)
setting_definition_version = _table("setting_definition_version", **_DEFINITION)
setting_rulebook = _table(
    "setting_rulebook", version=BigInteger, rules=JSONB, written_by=Uuid, written_at=moment, request=Uuid
)
setting_space = _table("setting_space", environment=environment, epoch=BigInteger)
setting_entry = _table(
    "setting_entry",
    environment=environment,
    key=Text,
    scope=Text,
    version=BigInteger,
    state=Text,
    value=JSONB,
    enforced=Boolean,
    narrowing=JSONB(none_as_null=True),
    since=moment,
    valid=TSTZRANGE,
    meant_until=moment,
    origin=Text,
    change=Uuid,
    reason=Text,
    written_by=Uuid,
    written_at=moment,
    request=Uuid,
)
sealed_key = _table("sealed_key", seal=Text, kek=Text, wrapped=LargeBinary)
