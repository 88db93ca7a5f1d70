"""Labels on demand: the store of first-principles labels, the codes that compute them, and the checks of each."""
