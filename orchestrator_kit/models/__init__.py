"""Models, one file each; all of them have the face of `base.Model`."""

from __future__ import annotations

from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.simulated import SimulatedModel

__all__ = ["Model", "SimulatedModel", "model_named", "recorded_name"]


def model_named(
    name: str, *, seed: int = 0, base_url: str | None = None, asked: bool = True
) -> Model:
    """The model that a short name stands for.

    "simulated" or "simulated:PROFILE" (with `seed`), "local", or "endpoint:NAME" for any
    OpenAI-compatible server (with `base_url`, or OPENAI_BASE_URL). UnknownName for anything else.
    One that will not be `asked` anything needs no key.
    """
    kind, _, rest = name.partition(":")
    if kind == "simulated":
        return SimulatedModel(seed, rest or "small")
    if kind == "local" and not rest:
        from orchestrator_kit.models.local import LocalModel

        return LocalModel()
    if kind == "endpoint":
        if not rest:
            raise UsageError("which model? write endpoint:NAME, for instance endpoint:gpt-4o-mini")
        from orchestrator_kit.models.endpoint import EndpointModel

        return EndpointModel(rest, base_url, None if asked else "not needed")
    raise UnknownName.among(
        "model", name, ["simulated", "simulated:large", "local", "endpoint:NAME"]
    )


def recorded_name(name: str) -> str:
    """What the model of such a short name is called in records and on tapes; needs no part of it.

    A name that is no short one stands for itself.
    """
    kind, _, rest = name.partition(":")
    if kind == "simulated":
        return f"simulated-{rest or 'small'}"
    if kind == "endpoint":
        return rest
    if name == "local":
        from orchestrator_kit.models.local import NAME

        return NAME
    return name
