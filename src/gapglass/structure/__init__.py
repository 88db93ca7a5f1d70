"""Structure of a liquid or glass: S(q), g(r), coordination, angles, R_X, measured curves."""
