"""Contradictions between the keys of a configuration, and values against physics: what the schema cannot state.

Each module checks one subject and has one public generator, ``problems(config)``, which yields a message for every
problem of a configuration that the schema accepts and that is complete with defaults.
"""

from gapglass.study.checks import (
    glass,
    harvest,
    labels,
    learning_curves,
    potential,
    reference,
    similarity,
    species,
    structure,
    trajectories,
    validation,
)

# The order in which a message lists the problems.
CHECKS = (
    trajectories,
    labels,
    similarity,
    reference,
    potential,
    species,
    glass,
    harvest,
    structure,
    validation,
    learning_curves,
)


def problems(config):
    """Yield every problem of a completed configuration."""
    for check in CHECKS:
        yield from check.problems(config)
