"""Fitting a Gaussian approximation potential, evaluating it, and what both cost."""

__all__ = ["GAP"]


def __getattr__(name):
    """Import the calculator when it is asked for: other parts of this package are loaded without ASE."""
    if name == "GAP":
        from gapglass.potential.engine import GAP

        return GAP
    raise AttributeError(f"module {__name__} has no attribute {name}")
