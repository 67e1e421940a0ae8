"""The registry of event types: routing key → model. A type that is not here is unknown and is parked."""

from whistle_shared.contracts import department, dispatch, escalation, intake
from whistle_shared.contracts.vocabulary import EventData


def _keyed(module: object) -> dict[str, type[EventData]]:
    models = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, EventData))
    return {model.key: model for model in models if "key" in vars(model)}


TYPES: dict[str, type[EventData]] = {
    key: model for module in (intake, dispatch, department, escalation) for key, model in _keyed(module).items()
}


def event_type(key: str) -> type[EventData] | None:
    """The model of a type, or None for a type (or a version) this build does not know."""
    return TYPES.get(key)
