"""Fitting a Gaussian approximation potential, evaluating it, and what both cost."""
