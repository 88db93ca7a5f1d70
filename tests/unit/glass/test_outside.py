"""What leaves the frames: composition, density, temperature, distances and energy are counted, none without reason."""

import dataclasses

import numpy as np
import pandas as pd
from ase import Atoms
from quenching import KNOWN

from gapglass.glass import closeness, dump, outside


def thermo(temperature=300.0, density=5.5, n=50):
    return pd.DataFrame({"temperature_k": np.full(n, temperature), "density_g_per_cm3": np.full(n, density)})


def frame(distance=1.9, symbols="TeO2"):
    positions = [[0, 0, 0], [distance, 0, 0], [0, 3.5, 0]]
    return Atoms(symbols, positions=positions[: len(Atoms(symbols))], cell=[9] * 3, pbc=True)


def findings(stage, thermo, frames, known):
    symbols, _, distances = closeness.distances_of(enumerate(frames), known.closest)
    return outside.findings(stage, thermo, symbols, distances, known)


def kinds(*arguments):
    return [item["what"] for item in findings(2, *arguments)]


def test_nothing_is_found_inside_the_frames():
    assert kinds(thermo(), [frame()] * 4, KNOWN) == []
    assert kinds(thermo(n=0), [], KNOWN) == []
    # A small cell fluctuates about the temperature of its thermostat.
    noise = thermo(2000.0, n=60)
    noise["temperature_k"] *= 1 + np.sqrt(2 / 9) * np.random.default_rng(1).normal(size=60)
    assert kinds(noise, [frame()], KNOWN) == []


def test_closer_than_the_frames_is_counted_pair_by_pair():
    (found,) = findings(3, thermo(), [frame(1.9), frame(1.7), frame(1.9), frame(1.6)], KNOWN)
    assert (found["stage"], found["what"], found["pair"], found["share"]) == (3, "closest", "O-Te", 0.5)
    assert abs(found["value"] - 1.6) < 1e-9 and found["known"] == 1.75
    assert found["text"] == "O-Te down to 1.60 Å, frames down to 1.75 Å (ratio 0.91), in 50 % of its frames"


def test_density_temperature_and_composition():
    changing = thermo(density=5.5)
    changing.loc[25:, "density_g_per_cm3"] = 4.5
    (found,) = findings(1, changing, [frame()], KNOWN)
    assert (found["what"], found["share"], found["value"]) == ("density", 0.5, 4.5)
    assert kinds(thermo(density=6.2), [frame()], KNOWN) == ["density"]
    hot = frame().repeat((4, 4, 4))
    (found,) = findings(1, thermo(3000.0), [hot], KNOWN)
    assert (found["what"], found["value"], found["known"]) == ("temperature", 3000.0, 2000.0)
    assert found["text"] == "temperature 3000 K, frames up to 2000 K, in 100 % of the stage"
    found = findings(1, thermo(), [frame(symbols="TeTeO")], KNOWN)
    assert [item["text"] for item in found if item["what"] == "composition"] == [
        "33.3 % of its atoms are O, frames 66.7 %",
        "66.7 % of its atoms are Te, frames 33.3 %",
    ]


ENERGIES = outside.Known(
    closest=KNOWN.closest, density=KNOWN.density, temperature=KNOWN.temperature, shares=KNOWN.shares,
    energies=(((("O", 2), ("Te", 1)), 300.0, -5.77), ((("O", 2), ("Te", 1)), 2000.0, -5.50)),
)  # fmt: skip


def with_energy(begin, end, temperature=300.0):
    """Return a thermo table of three atoms with an energy (eV/atom) in either half of the stage."""
    table = thermo(temperature)
    return table.assign(potential_energy_ev=3 * np.repeat([begin, end], 25))


def test_energy_below_every_frame_is_a_false_minimum():
    (found,) = findings(3, with_energy(-5.70, -5.82), [frame()], ENERGIES)
    assert (found["what"], found["value"], found["known"]) == ("energy", -5.82, -5.77)
    assert found["text"].startswith(
        "energy -5.820 eV/atom at 300 K, below that of every frame (down to -5.770 eV/atom)"
    )
    # The error of a fit, and what the stage was before, are no reason.
    assert kinds(with_energy(-5.82, -5.775), [frame()], ENERGIES) == []
    # A liquid as low as a crystal at 300 K is found by the frames of the crystal, which are colder.
    assert kinds(with_energy(-5.6, -5.6, 1900.0), [frame()], ENERGIES) == []
    assert kinds(with_energy(-5.9, -5.9, 1900.0), [frame()], ENERGIES) == ["energy"]


def test_hotter_frames_and_other_compositions_say_nothing_about_an_energy():
    hot = outside.Known(**{**vars(ENERGIES), "energies": ENERGIES.energies[1:]})
    assert kinds(with_energy(-5.9, -5.9), [frame()], hot) == []
    assert kinds(with_energy(-5.9, -5.9, 1900.0), [frame()], hot) == ["energy"]
    other = outside.Known(**{**vars(ENERGIES), "energies": (((("O", 3), ("Te", 1)), 300.0, -5.0),)})
    assert kinds(with_energy(-5.9, -5.9), [frame()], other) == []


def test_lowest_energy_of_every_plateau_is_known():
    rows = [
        ("Te16O32", 48, 300.0, 5.5, -5.71), ("O32Te16", 48, 300.0, 5.8, -5.77), ("TeO2", 3, 2000.0, 5.5, -5.3),
        ("TeO2", 3, 2000.0, 5.5, np.nan), ("TeO2", 3, np.nan, 5.5, -9.0),
    ]  # fmt: skip
    names = ["formula", "n_atoms", "temperature_k", "density_g_per_cm3", "energy_ev_per_atom"]
    known = outside.known(pd.DataFrame(rows, columns=names), {"closest_distance_angstrom": {}})
    own = (("O", 2), ("Te", 1))
    assert set(known.energies) == {(own, 300.0, -5.71), (own, 300.0, -5.77), (own, 2000.0, -5.3)}


def test_isolated_atoms_are_no_state_that_the_frames_know():
    rows = [
        ("Te16O32", 48, 300.0, 5.5),
        ("O32Te16", 48, 900.0, 5.8),
        ("O", 1, 5000.0, 0.01),
        ("Te8O20", 28, 500.0, 5.0),
    ]
    table = pd.DataFrame(rows, columns=["formula", "n_atoms", "temperature_k", "density_g_per_cm3"])
    table["energy_ev_per_atom"] = -5.0
    farthest = {"O to Te": 2.4}
    summary = {"closest_distance_angstrom": {"O-O": 2.3, "O-Te": None}}
    assert outside.known(table, summary).farthest == {}  # results of an older version
    known = outside.known(table, summary | {"farthest_first_neighbour_angstrom": farthest})
    assert known.farthest == farthest
    assert known.density == (5.0, 5.8) and known.temperature == 900 and known.closest == {"O-O": 2.3}
    assert known.shares == {"O": (32 / 48, 20 / 28), "Te": (8 / 28, 16 / 48)}


def test_harvested_frames_with_bare_atoms_make_no_glass_better():
    more = {"density": [4.9], "closest": {"O-Te": 1.5}, "temperature": 1.0, "farthest": {"O to Te": 3.9, "Te to O": 2}}
    known = dataclasses.replace(KNOWN, farthest={"O to Te": 2.4})
    assert known.widened(more).farthest == {"O to Te": 2.4} and known.widened(more).closest["O-Te"] == 1.5
    assert known.widened(more, bare=True).farthest == {"O to Te": 3.9, "Te to O": 2}
    assert known.widened(None) == known


def test_dump_is_sampled_at_equal_intervals_without_its_incomplete_end(tmp_path):
    text = "".join(
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
        f"ITEM: ATOMS id type element x y z\n1 1 O {step} 1 1\n2 1 O 4 1 {'nan' if step == 4 else 1}\n"
        for step in range(8)
    )
    path = tmp_path / "t.dump"
    path.write_text(text)
    for most, steps in ((1000, [0, 1, 2, 3, 5, 6, 7]), (3, [0, 3, 6])):
        found = list(dump.sample_dump(path, most))
        assert [step for step, _ in found] == [each.positions[0, 0] for _, each in found] == steps
    path.write_text(text[:-4])
    assert len(list(dump.sample_dump(path, 1000))) == 6
    path.write_text("Not made: the quench exploded\n")
    assert list(dump.sample_dump(path, 1000)) == []
