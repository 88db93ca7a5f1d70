"""The paper's protocol as one key of the configuration: ``protocol: paper`` sets the keys below to its choices."""

# Where the paper (doi:10.1111/jace.20128) and the defaults of the schema differ. Keys that a study writes itself win.
PAPER = {
    "kernels": {"balance": "none"},
    "selection": {"strategy": "clusters"},
    "clustering": {"d_tol": 0.001},
    "active_learning": {
        "validation": "split",
        "holdout_fraction": 0.0,
        "stop": "point_estimate",
        "objective": "energy",
    },
    "potential": {"sparse_from": "training", "core": "none", "prior": "none"},
    "glass": {"start": "random"},
}


def apply(config):
    """Return a configuration with the keys that its protocol sets and it does not write itself.

    Parameters
    ----------
    config : dict
        As read from YAML, accepted by the schema.
    """
    return _under(config, PAPER) if config.get("protocol") == "paper" else config


def _under(values, defaults):
    """Return nested values, with those of ``defaults`` where there are none."""
    found = dict(values)
    for key, default in defaults.items():
        found[key] = _under(found.get(key) or {}, default) if isinstance(default, dict) else found.get(key, default)
    return found
