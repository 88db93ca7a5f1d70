"""Where a model begins: the values of ``glass.start``, which the rules read without loading ASE."""

AUTO, RANDOM, REFERENCE = "auto", "random", "reference"  # all others name a file
FROM_REFERENCE = (AUTO, REFERENCE)


def start_file(glass):
    """Return the user's file of section ``glass``, None where a start is packed or taken from the reference."""
    return None if glass["start"] in (AUTO, RANDOM, REFERENCE) else glass["start"]
