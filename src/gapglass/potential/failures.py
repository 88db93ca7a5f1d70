"""Fitting a Gaussian approximation potential with gap_fit, and evaluating it with quippy.

gap_fit reports success after many mistakes (no targets found, a species without e0, stress taken for virial), so its
log is read and compared with what the training frames hold. Traps: docs/method.md. Method: doi:10.1103/PhysRevLett.104.136403.
"""

import numpy as np

from gapglass.base.errors import UserError


class FitFailed(UserError):
    """gap_fit ended without a usable potential; the message says why."""


def refuse_unusable(errors):
    """Raise ``FitFailed`` when a potential's errors are not finite numbers."""
    if not all(np.isfinite(value) for value in errors.values()):
        raise FitFailed(f"the potential gives energies or forces that are not finite: {errors}")


def refuse_missing_species(frames, species):
    """Raise ``FitFailed`` when training frames lack a species of the study: the potential would pass over its atoms in silence."""
    missing = sorted(set(species) - {symbol for frame in frames for symbol in frame.symbols})
    if missing:
        raise FitFailed(f"the training frames hold no {', '.join(missing)}; raise active_learning.increment")
