"""From a request to a step of the caller's own department; nobody else may act for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request, Response

from whistle_department import commands, domain, queries, store
from whistle_department.api.views import task_view
from whistle_shared.auth import Caller, Right
from whistle_shared.db import Answer, Unit
from whistle_shared.runtime import Here, Service, may
from whistle_shared.web import OptionalIdempotencyKey, keyed, respond

Act = Callable[[Unit, commands.Actor], domain.Task]


class _Body(Protocol):
    @property
    def person(self) -> str: ...

    def model_dump_json(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Who asks, of which service, in which request, under which key."""

    caller: Caller
    service: Service
    request: Request
    key: str | None

    async def takes(
        self,
        step: domain.Step,
        act: Act,
        task_id: UUID,
        body: _Body,
        wants: Any = None,
        photos: Sequence[UUID] = (),
    ) -> Response:
        """Carry out a step on one task. `wants`, `photos`: what the command needs loaded beside the whistle."""
        whistle_id = await queries.whistle_of(self.service.engine, self.caller, task_id)
        actor = commands.Actor(whistle_id, task_id, self.caller.scope, self.caller.name, body.person)
        return await self.does(
            f"{step} {task_id} {body.model_dump_json()}",
            whistle_id,
            partial(_answer, act=act, actor=actor),
            wants=wants,
            photos=photos,
        )

    async def does(self, asked: str, whistle_id: UUID, act: Callable[[Unit], Answer], **needs: Any) -> Response:
        """One command on a whistle, once per key. `needs`: as `Work` knows them."""
        idempotency = keyed(self.caller, self.key, asked)
        answer = await self.service.command(act, self.request, whistle=whistle_id, idempotency=idempotency, **needs)
        return respond(answer)


def _answer(unit: Unit, act: Act, actor: commands.Actor) -> Answer:
    task = act(unit, actor)
    return Answer(200, task_view(task, store.due_at(unit, task), unit.now).model_dump_json())


def _for(right: Right) -> Any:
    async def desk(
        caller: Annotated[Caller, may(right)], service: Here, request: Request, key: OptionalIdempotencyKey = None
    ) -> Desk:
        return Desk(caller, service, request, key)

    return Depends(desk)


AtDesk = Annotated[Desk, _for("task.act")]
"""Whoever carries the task out."""

AtHeadsDesk = Annotated[Desk, _for("task.ask")]
"""Whoever speaks for the department: gives a task back, asks for time, appeals."""
