"""Descriptors, both kernels, their hybrid and its distance (Eq. 1-7 and 9-12 of doi:10.1111/jace.20128)."""
