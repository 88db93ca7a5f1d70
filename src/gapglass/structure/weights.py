"""Scattering factors of the elements, and the weights of the partial structure factors in the totals.

X-rays: form factors of neutral atoms (Cromer-Mann); neutrons: bound coherent scattering lengths of the natural
elements; both from periodictable. The totals tend to 1 at large q, like the Faber-Ziman partials. Definitions:
doi:10.1107/S0021889800019993.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.structure.pairs import pair_names

TOTALS = {"xray": "X", "neutron": "N"}  # S_X, G_X and S_N, G_N


def _form_factor(name, q):
    from periodictable.cromermann import fxrayatq

    try:
        return fxrayatq(name, np.asarray(q, float))
    except KeyError as error:
        raise UserError(
            f"{name} has no X-ray form factor in the tables of periodictable; its S_X(q) cannot be had"
        ) from error


def _scattering_length(name, q):
    import periodictable

    length = periodictable.elements.symbol(name).neutron.b_c
    if length is None:
        raise UserError(
            f"{name} has no coherent neutron scattering length in the tables of periodictable; "
            "its S_N(q) cannot be had"
        )
    return np.full(np.shape(q), float(length))


def scattering_weights(symbols, q, radiation):
    """Return the weight of each partial structure factor in the total; they sum to 1 at every q.

    Parameters
    ----------
    symbols : sequence of str
        Every atom's species.
    q : numpy.ndarray, 1/Å
        4 pi sin(theta) / lambda.
    radiation : {"xray", "neutron"}
        Form factors of neutral atoms (Cromer-Mann), or bound coherent scattering lengths of the natural elements.

    Returns
    -------
    dict of numpy.ndarray
        c_a c_b f_a f_b / <f>^2, twice that for unlike pairs.

    Raises
    ------
    UserError
        When a species has no form factor or scattering length, naming it.
    """
    names, counts = np.unique(list(symbols), return_counts=True)
    fractions = dict(zip(names, counts / counts.sum(), strict=True))
    scatterer = {"xray": _form_factor, "neutron": _scattering_length}[radiation]
    factor = {name: scatterer(str(name), q) for name in names}
    mean = sum(fractions[name] * factor[name] for name in names)
    weights = {}
    for pair in pair_names(symbols):
        a, b = pair.split("-")
        weights[pair] = (1 if a == b else 2) * fractions[a] * fractions[b] * factor[a] * factor[b] / mean**2
    return weights


def total_structure_factor(q, s, symbols, radiation):
    """Return the total structure factor from Faber-Ziman partials.

    Parameters
    ----------
    q : numpy.ndarray, shape (n_q,), 1/Å
    s : dict of numpy.ndarray, shape (..., n_q)
    symbols, radiation
        As for ``scattering_weights``.

    Returns
    -------
    numpy.ndarray, shape (..., n_q)

    Raises
    ------
    UserError
        As from ``scattering_weights``.
    """
    weights = scattering_weights(symbols, q, radiation)
    return sum(weights[pair] * s[pair] for pair in weights)
