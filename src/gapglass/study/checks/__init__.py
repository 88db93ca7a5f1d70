"""Contradictions in a configuration that a schema cannot state, one module per section."""
