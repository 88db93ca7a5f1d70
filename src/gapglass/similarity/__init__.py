"""Descriptors of frames, the two kernels, their hybrid and its distance (Eq. 3 to 12 of doi:10.1111/jace.20128)."""
