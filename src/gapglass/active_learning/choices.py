"""Choices of frames whose labels are computed on demand.

A choice says which frames of an iteration need a label. The next one begins when they have one: it replaces the frames
whose label failed, training frames by those that the strategy takes next, and frames that test by others of their
block of time. The iteration is complete when a choice asks for nothing. With a budget, the frames that test are
labelled first, because every iteration needs them.
"""

import logging
from dataclasses import dataclass, field

from gapglass.base.errors import UserError
from gapglass.labels import status
from gapglass.labels.job import FAILED
from gapglass.selection import time_blocks
from gapglass.selection.database import unchanged

log = logging.getLogger("gapglass")
MOST = 5  # choices of an iteration; frames that fail after the last are not replaced
FEWEST = 4  # training frames of a potential


@dataclass
class Labelled:
    """What is known of the labels when a choice begins.

    Attributes
    ----------
    records : dict
        Frame -> record of every frame that the loop has asked for.
    budget : dict or None
        ``labels.budget``.
    cores : int
        Of a labelling job.
    cost : callable
        Frames -> how many of them are new labels of this study.
    """

    records: dict
    budget: dict | None = None
    cores: int = 1
    cost: object = len
    failed: list = field(init=False)

    def __post_init__(self):
        self.failed = sorted(frame for frame, record in self.records.items() if record["state"] == FAILED)

    def affordable(self):
        """Return how many labels the budget still allows, None without a budget."""
        return status.affordable(self.budget, self.records, self.cores)


def with_tests(sets, labelled, iteration, number):
    """Return sets in which other frames of their blocks take the places of frames that test and got no label.

    The first iteration asks for them, as long as choices and budget allow it. Later ones test on the same frames.

    Parameters
    ----------
    sets : dict
        From ``time_blocks.current``.
    labelled : Labelled
    iteration, number : int
        Of the choice in its iteration, both from 1.
    """
    failed, known = {*labelled.failed}, {*labelled.records}
    found = time_blocks.replaced(sets, failed)
    new, allowed = sorted({*found["validation"], *found["holdout"]} - known), labelled.affordable()
    if not known or not new:
        return found
    if iteration > 1 or number >= MOST or (allowed is not None and labelled.cost(new) > allowed):
        return time_blocks.replaced(sets, failed, known)
    log.warning("frames that test got no label; frames %s of their blocks take their places", new)
    return found


def choose(draw, before, size, sets, labelled, number=1):
    """Return the database of a choice and the frames that it asks for.

    Parameters
    ----------
    draw : callable
        (database, size) -> the database enlarged to a number of training frames, see ``enlargement.enlarge``.
    before : dict
        Database of the choice before, or of the iteration before.
    size : int
        Training frames of the iteration.
    sets : dict
        pool, validation and holdout, from ``time_blocks.current``.
    labelled : Labelled
    number : int
        Of the choice in its iteration, from 1.

    Returns
    -------
    database : dict
        ``train``, ``test`` (empty) and ``rest``, as from ``draw``, without frames whose label failed.
    asked : list of int
        Frames to label before the next choice.

    Raises
    ------
    UserError
        When more than a fifth of the frames got no label, or the budget is too small for a potential.
    """
    status.refuse_failures(labelled.records)
    failed, pool = set(labelled.failed), set(sets["pool"])
    train = [frame for frame in before["train"] if frame not in failed]
    tests = sorted({*sets["validation"], *sets["holdout"]} - set(labelled.records))
    if tests and labelled.budget:
        _refuse_small_budget(labelled, tests)
        return _without(unchanged({"train": train, "test": []}, sets), failed), tests
    # A strategy goes on from all frames that it took, so that the next one is the next of its order.
    taken = sorted({*train, *(failed & pool)})
    size = len(train) if number >= MOST else max(size, len(train))
    while True:
        grown = {"train": taken, "test": [], "rest": sorted(pool - set(taken))}
        if size > len(train):
            grown = draw({"train": taken, "test": []}, size + len(taken) - len(train))
        database = _without(grown, failed)
        new = sorted(set(database["train"]) - set(labelled.records))
        allowed = labelled.affordable()
        if allowed is None or size == len(train) or (cost := labelled.cost(new)) <= allowed:
            break
        size = max(len(train), size - (cost - allowed))
    if allowed is not None and len(database["train"]) < FEWEST:
        raise UserError(
            f"labels.budget is spent, and {len(database['train'])} frames may train, {FEWEST} are needed; raise it, "
            "or lower active_learning.holdout_fraction and validation_fraction, whose frames are labelled first"
        )
    lost = sorted(set(before["train"]) & failed)
    if lost:
        log.warning("no label of frames %s; %d others take their places", lost, len(new))
    return database, [*tests, *new]


def _without(database, failed):
    """Return a database without the frames whose label failed."""
    return {name: [frame for frame in database[name] if frame not in failed] for name in ("train", "test", "rest")}


def _refuse_small_budget(labelled, tests):
    """Refuse a budget of frames that the frames which test would use up."""
    allowed, needed = labelled.budget.get("frames"), labelled.cost(tests) + FEWEST
    if allowed is not None and needed > allowed:
        raise UserError(
            f"labels.budget.frames is {allowed}; the frames that decide the stop or are the last test and the fewest "
            f"that train are {needed}. Raise it, or lower active_learning.holdout_fraction and validation_fraction"
        )
