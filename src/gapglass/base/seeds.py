"""Independent random streams from the one seed of the study."""

import hashlib


def derive(seed, *labels):
    """Return a seed in 1 ... 2^31 - 2 that depends on the study's seed and on every label.

    Two uses (sampling, a fit, a replica) get unrelated streams, and a new use leaves the streams of all others
    unchanged.
    """
    digest = hashlib.sha256("/".join(str(part) for part in (seed, *labels)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (2**31 - 2) + 1
