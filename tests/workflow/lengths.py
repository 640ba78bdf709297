"""How long a story has become: the events of a run, and the runs that follow each other."""

from uuid import UUID

from tests.workflow.theatre import Theatre


async def written(stage: Theatre, change: UUID, kind: str = "rollout") -> int:
    """Events of the present run."""
    return (await stage.handle(change, kind).describe()).history_length


async def runs(stage: Theatre, change: UUID) -> int:
    """How many runs the rollout had, counted back from the last."""
    many, run = 0, (await stage.handle(change).describe()).run_id
    while run:
        many += 1
        events = (await stage.client.get_workflow_handle(f"rollout/{change}", run_id=run).fetch_history()).events
        run = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return many
