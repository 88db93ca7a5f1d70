"""Engine and QUIP on the same frames: what is compared, what is allowed, and what a user is told."""

import json
import logging

import numpy as np
import potentials
import pytest
import small_fits
from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.potential import agreement, engine, quip
from gapglass.potential.engine import EngineError


@pytest.fixture
def frames(blyp_frames):
    """Two frames as the import numbers them."""
    found = []
    for number in (0, 40):
        frame = blyp_frames[number].copy()
        frame.info |= {"frame": number, "trajectory": "glass"}
        found.append(frame)
    return found


@pytest.fixture(scope="module")
def two(tmp_path_factory, blyp_frames):
    """Two potentials with the same radial basis but another cutoff."""
    from conftest import HYPERPARAMETERS

    from gapglass.potential import gap_fit

    made = []
    for cutoff in (4.0, 4.6):
        folder = tmp_path_factory.mktemp("cutoff")
        gap_fit.run_fit(
            blyp_frames[::12],
            HYPERPARAMETERS | {"cutoff": cutoff, "n_sparse": 20},
            folder / "gap.xml",
            descriptor="soap_turbo",
            e0=gap_fit.isolated_atom_energies(blyp_frames),
            virials=False,
            seed=1,
            max_seconds=300,
            log_path=folder / "fit.log",
        )
        made.append(folder / "gap.xml")
    return made


def test_some_frames_of_every_trajectory_are_chosen():
    names = ["a"] * 50 + ["b"] * 2 + ["a"] * 50
    chosen = agreement.choose(names, 1)
    assert len(chosen) == len(set(chosen)) == 5 and [names[i] for i in chosen] == ["a"] * 3 + ["b"] * 2
    assert chosen == agreement.choose(names, 1) != agreement.choose(names, 2)
    # Another trajectory does not change the choice from this one.
    assert agreement.choose([*names, "c"], 1)[:5] == chosen


def test_copies_are_rattled_and_compressed(frames):
    copies = agreement.deformed(frames[0], 3)
    moved = np.linalg.norm(copies["rattled"].positions - frames[0].positions, axis=1)
    np.testing.assert_allclose(moved, 0.3, rtol=1e-12)
    assert copies["compressed"].get_volume() == pytest.approx(0.85 * frames[0].get_volume())
    scaled = [copies[kind].get_scaled_positions(wrap=False) for kind in ("as given", "compressed")]
    np.testing.assert_allclose(*scaled, atol=1e-12)
    assert copies["as given"] == frames[0]


def test_engine_agrees_with_quip(fitted, frames):
    found = json.loads(json.dumps(agreement.compare(fitted[0], frames, 1)))
    assert found["agrees"] and found["frames"] == [0, 40] and agreement.disagreement(found) == ""
    assert found["engine"] == {"sources": engine.source_digest(), "simd": engine.level()}
    assert list(found["kinds"]) == ["as given", "rattled", "compressed"]
    for kind, of_kind in found["kinds"].items():
        assert list(of_kind) == ["energy", "force", "virial"]
        for quantity, item in of_kind.items():
            assert item["difference"] == pytest.approx(abs(np.subtract(*item["values"])), abs=1e-12)
            assert item["difference"] <= item["limit"] and item["frame"] in (0, 40)
            assert item["limit"] == agreement.LIMITS[quantity] or kind != "as given"
    assert len(agreement.lines(found)) == 9
    agreement.judge(fitted[0], found, "gapglass")


def test_a_difference_is_refused_with_both_numbers(fitted, frames, monkeypatch, caplog):
    """A force that is wrong by 2e-4 eV/Å on one atom of one frame."""
    by_engine = agreement.by_engine

    def spoilt(potential, copies):
        found = by_engine(potential, copies)
        found[3][1][5, 2] += 2e-4
        return found

    monkeypatch.setattr(agreement, "by_engine", spoilt)
    found = agreement.compare(fitted[0], frames, 1)
    item = found["kinds"]["as given"]["force"]
    assert not found["agrees"] and item["frame"] == 40 and item["difference"] == pytest.approx(2e-4, abs=2e-5)
    number = f"{item['values'][0]:.10g}"
    with pytest.raises(
        UserError, match=rf"force of frame 40 of glass, as given: engine {number}, QUIP .*`glass.engine"
    ):
        agreement.judge(fitted[0], found, "gapglass")
    assert agreement.disagreement(found).count("frame") == 1
    # Models that are made with QUIP do not depend on the engine.
    with caplog.at_level(logging.INFO, logger="gapglass"):
        agreement.judge(fitted[0], found, "quip")
    assert f"engine {number}, QUIP" in caplog.messages[-1]


def test_limits_of_deformed_frames_rise_with_their_values():
    forces = np.zeros((4, 3))
    forces[1, 1] = -500.0
    ours = (-400.0, forces, np.diag([0.0, 8000.0, 0.0]))
    theirs = (-400.0 + 3e-3, forces + 2e-3, ours[2])
    given = agreement.differences(ours, theirs)
    assert {name: item["limit"] for name, item in given.items()} == agreement.LIMITS
    # The energy of the atoms themselves, here 1000 eV, is no part of its limit.
    found = agreement.differences(ours, theirs, given=-1000.0)
    limits = {name: item["limit"] for name, item in found.items()}
    assert limits == pytest.approx({"energy": 1e-5 * 150, "force": 1e-5 * 500, "virial": 1e-5 * 2000}, rel=1e-4)
    assert found["energy"]["difference"] == pytest.approx(3e-3 / 4) and found["virial"]["difference"] == 0
    quiet = agreement.differences(ours, theirs, given=-400.0)
    assert quiet["energy"]["limit"] == agreement.LIMITS["energy"]


@pytest.mark.parametrize("whose", ["by_engine", "evaluate"])
def test_values_that_are_no_numbers_are_refused(fitted, frames, monkeypatch, whose):
    def spoilt(potential, copies):
        return [(0.0, np.full((len(copy), 3), np.nan), np.zeros((3, 3))) for copy in copies]

    monkeypatch.setattr(*((agreement, whose) if whose == "by_engine" else (quip, whose)), spoilt)
    with pytest.raises(UserError, match=r"no numbers with .*gap\.xml on frame 0 of glass, as given"):
        agreement.compare(fitted[0], frames, 1)


def test_two_potentials_do_not_mix_in_quip(two, blyp_frames):
    # In one process, QUIP would use the radial basis of the first potential for the second.
    first, other, again = (quip.evaluate(path, blyp_frames[:1])[0][0] for path in (two[1], two[0], two[1]))
    assert again == pytest.approx(first, abs=1e-9) and abs(other - first) > 1e-4
    assert abs(first - blyp_frames[0].info["REF_energy"]) < 48 * 0.1
    engines = [agreement.by_engine(path, blyp_frames[:1])[0][0] for path in two]
    assert engines == pytest.approx([other, first], abs=1e-5)


def test_virial_of_quip_is_minus_stress_times_volume(fitted, blyp_frames):
    frame = blyp_frames[0].copy()
    energies = []
    for strain in (-1e-4, 1e-4):
        strained = frame.copy()
        strained.set_cell(np.asarray(frame.cell) @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        energies.append(strained)
    (low, *_), (high, *_), (_, _, virial) = quip.evaluate(fitted[0], [*energies, frame], workers=2)
    assert virial[0, 0] == pytest.approx(-(high - low) / 2e-4, rel=1e-3, abs=1e-3)


def test_a_process_loads_only_one_potential_of_quip(tmp_path, two, blyp_frames, monkeypatch):
    """QUIP would give wrong energies without a word, also in processes forked later."""
    monkeypatch.setattr(quip, "_loaded", tmp_path / "other.xml")
    for call in (lambda path: quip.evaluate(path, blyp_frames[:1]), quip.load_potential):
        with pytest.raises(UserError, match=r"has loaded the potential .*other\.xml"):
            call(two[0])


def test_potential_that_quip_cannot_load_is_reported(tmp_path):
    (tmp_path / "gap.xml").write_text("<broken>\n")
    with pytest.raises(UserError, match="QUIP could not evaluate"):
        quip.evaluate(tmp_path / "gap.xml", [Atoms("O", cell=[9] * 3, pbc=True)])


@pytest.mark.parametrize(("sigma", "agrees"), [(0.64, True), (0.8, False)])
def test_atoms_too_wide_for_the_cutoff_are_refused(sigma, agrees, tmp_path):
    """Up to 0.16 of the cutoff the engine equals QUIP; beyond 0.17 it refuses the potential."""
    frames = small_fits.frames(4)
    terms = small_fits.terms_of(frames, tmp_path, atom_sigma=sigma)
    path = small_fits.write(tmp_path / "gap.xml", small_fits.rows_of(frames, terms, tmp_path), terms, atom_sigma=sigma)
    if not agrees:
        with pytest.raises(EngineError, match=r"atom_sigma_r 0.8 Å is more than 0.17 of rcut_hard 4.0 Å"):
            agreement.by_engine(path, frames[:1])
        return
    [(ours, *_)], [(theirs, *_)] = agreement.by_engine(path, frames[:1]), potentials.quippy(path, frames[:1])
    assert abs(ours - theirs) / len(frames[0]) < 1e-6
