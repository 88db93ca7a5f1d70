"""The kinds of tables of a model, and of measured curves that ``structure.experiments`` accepts."""

TABLES = ("sq", "gr", "coordination", "angles", "closest", "rings", "network", "voids")

Q_KINDS = ("S(Q)", "F(Q)")  # measured over Q; the others are measured over r
DENSITY_KINDS = ("T(r)", "g(r)")  # need the number density to become G(r)
