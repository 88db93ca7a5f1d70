"""The models of a study: which sizes and how many replicas each potential makes."""

import pytest

from gapglass.study import models


def config(variants=("optimal", "soap_only", "all_frames"), **glass):
    settings = {"sizes": [480], "comparison_sizes": None, "replicas": 1, "comparison_replicas": None} | glass
    return {"potential": {"variants": list(variants)}, "glass": settings}


def test_one_number_is_that_of_every_model():
    settings = config(sizes=[480, 96], replicas=2)
    assert list(models.all_replicas(settings).items()) == [
        ((potential, atoms), 2) for potential in ("optimal", "soap_only", "all_frames") for atoms in (96, 480)
    ]


def test_a_list_follows_the_order_in_which_the_sizes_are_written():
    # The models are made in ascending order, so an order that follows them would give the large model three replicas.
    settings = config(("optimal", "soap_only"), sizes=[3840, 480], comparison_sizes=[480], replicas=[1, 3])
    assert models.all_replicas(settings) == {("optimal", 480): 3, ("optimal", 3840): 1, ("soap_only", 480): 3}


def test_other_potentials_have_a_number_of_their_own():
    glass = {"sizes": [480, 3840], "comparison_sizes": [480], "replicas": [3, 2], "comparison_replicas": 1}
    assert models.all_replicas(config(**glass)) == {
        ("optimal", 480): 3,
        ("optimal", 3840): 2,
        ("soap_only", 480): 1,
        ("all_frames", 480): 1,
    }
    # also more than optimal, and where the study has no optimal
    assert models.replicas_of(config(replicas=1, comparison_replicas=4), "all_frames", 480) == 4
    assert models.all_replicas(config(("soap_only",), replicas=3, comparison_replicas=2)) == {("soap_only", 480): 2}


def test_size_without_a_number_is_named():
    with pytest.raises(KeyError, match=r"glass\.sizes has no 960; there are 480, 3840"):
        models.replicas_of(config(sizes=[480, 3840], replicas=[3, 1]), "optimal", 960)
