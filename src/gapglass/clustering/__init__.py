"""Clusters of similar frames, the choice of delta, and the two-dimensional map."""
