"""The kinds of measured curves that ``structure.experiments`` accepts, by what gapglass needs to read them."""

Q_KINDS = ("S(Q)", "F(Q)")  # measured over Q; the others are measured over r
DENSITY_KINDS = ("T(r)", "g(r)")  # need the number density to become G(r)
