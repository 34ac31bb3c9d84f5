"""What a shift can act on, and which of its methods that calls.

A shift names one `domain`: frames, sensors and actions are those of any environment; every other
name is a domain of environments (`envs.domains()`), whose physics is then edited.
"""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym

from lrs_lightning import envs
from lrs_lightning.errors import UnknownNameError
from lrs_lightning.shifts.base import ShiftContext

METHODS = ("observe", "act", "edit")
"""What a shift may change: what is seen, what is done, the physics."""


@dataclass(frozen=True)
class Kind:
    """One thing that a shift can act on."""

    method: str
    """The method of the shift that is called."""
    meaning: str
    """In words, for messages."""


_OF_ANY_ENVIRONMENT = {
    "frames": Kind("observe", "pictures"),
    "sensors": Kind("observe", "a vector of sensors"),
    "actions": Kind("act", "actions of a box or a list"),
}


def kind_of(domain: str) -> Kind:
    """What a shift of this domain acts on.

    Raises:
        UnknownNameError: there is no such domain; the nearest is offered.
    """
    if domain in _OF_ANY_ENVIRONMENT:
        return _OF_ANY_ENVIRONMENT[domain]
    known = envs.domains()
    if domain not in known:
        raise UnknownNameError("domain of a shift", domain, (*_OF_ANY_ENVIRONMENT, *known))
    return Kind("edit", known[domain].physics)


def domains_of(context: ShiftContext) -> set[str]:
    """The domains of the shifts that a task allows."""
    domains = set() if context.base_model is None else {context.dynamics}
    if context.sees_frames:
        domains.add("frames")
    elif isinstance(context.observation_space, gym.spaces.Box):
        domains.add("sensors")
    if isinstance(context.action_space, gym.spaces.Box | gym.spaces.Discrete):
        domains.add("actions")
    return domains
