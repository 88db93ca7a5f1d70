"""The exception for a fit without a usable potential, and checks that raise it before and after a fit."""

import numpy as np

from gapglass.base.errors import UserError

FIT_FAILED = "<!-- the fit failed"  # first words of a file that takes the place of a potential


class FitFailed(UserError):
    """gap_fit ended without a usable potential; the message says why."""


def refuse_unusable(errors):
    """Raise ``FitFailed`` when a potential's errors, a dictionary of ``evaluation.errors``, are not finite numbers."""
    if not all(np.isfinite(value) for value in errors.values()):
        raise FitFailed(f"the potential gives energies or forces that are not finite: {errors}")


def refuse_missing_species(frames, species):
    """Raise ``FitFailed`` when training frames lack a species of the study.

    The potential would ignore the atoms of that species without a message.

    Parameters
    ----------
    frames : list of ase.Atoms
    species : iterable of str
    """
    missing = sorted(set(species) - {symbol for frame in frames for symbol in frame.symbols})
    if missing:
        raise FitFailed(f"the training frames hold no {', '.join(missing)}; raise active_learning.increment")
