"""Reader of the output of CP2K, on real single points and runs (NPT_I; NVE whose SCF does not converge)."""

import gzip
import json
import shutil

import numpy as np
import pytest
from reading import FIXTURES, frames_of

from gapglass.base.errors import UserError
from gapglass.base.units import ENERGY_EV
from gapglass.frames import readers

FOLDER = FIXTURES / "cp2k/output"
OLD = """ CP2K| version string:                                          CP2K version 6.1
 GLOBAL| Project name                                                        old
 CELL| Volume [angstrom^3]:                                            1000.000
 CELL| Vector a [angstrom]:      10.000     0.000     0.000    |a| =      10.000
 CELL| Vector b [angstrom]:       0.000    10.000     0.000    |b| =      10.000
 CELL| Vector c [angstrom]:       0.000     0.000    10.000    |c| =      10.000
 CELL| Angle (b,c), alpha [degree]:                                       90.000
 CELL| Angle (a,c), beta  [degree]:                                       90.000
 CELL| Angle (a,b), gamma [degree]:                                       90.000
 CELL| Periodicity                                                           XYZ
{steps}
  **** **** ******  **  PROGRAM ENDED AT                 2020-01-01 00:00:00.000
"""
OLD_STEP = """  *** SCF run converged in    10 steps ***
 ENERGY| Total FORCE_EVAL ( QS ) energy (a.u.):             {energy:.12f}

 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      H           0.01000000     0.00000000     0.00000000
      2      1      H          -0.01000000     0.00000000     0.00000000
 SUM OF ATOMIC FORCES           {total:.8f}     0.00000000     0.00000000     0.00000000

 STRESS TENSOR [GPa]

            X               Y               Z
  X       1.00000000      0.10000000      0.00000000
  Y       0.10000000      2.00000000      0.00000000
  Z       0.00000000      0.00000000      3.00000000

  1/3 Trace(stress tensor):   2.00000000E+00
 *******************************************************************************
 ENSEMBLE TYPE                =                                              NVT
 STEP NUMBER                  =                                                {step}
 TIME [fs]                    =                                         {time:.6f}
 CONSERVED QUANTITY [hartree] =                              -0.100000000000E+01

                                              INSTANTANEOUS             AVERAGES
 POTENTIAL ENERGY[hartree]    =         {potential:.12E}  -0.100000000000E+01
 KINETIC ENERGY [hartree]     =          0.100000000000E-02   0.100000000000E-02
 TEMPERATURE [K]              =                     300.000              300.000
 *******************************************************************************
"""
NEW_STEP = """ *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***
 ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]             -1.100000000000
 FORCES| Atomic forces [hartree/bohr]
 FORCES|   Atom     x               y               z               |f|
 FORCES|      1  1.00000000E-02  0.00000000E+00  0.00000000E+00   1.00000000E-02
 FORCES|      2 -1.00000000E-02  0.00000000E+00  0.00000000E+00   1.00000000E-02
 FORCES| Sum     0.00000000E+00  0.00000000E+00  0.00000000E+00   0.00000000E+00
 STRESS| Analytical stress tensor [bar]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+04   1.00000000000E+03   0.00000000000E+00
 STRESS|      y        1.00000000000E+03   2.00000000000E+04   0.00000000000E+00
 STRESS|      z        0.00000000000E+00   0.00000000000E+00   3.00000000000E+04
 MD| ***************************************************************************
 MD| Step number                                                               2
 MD| Time [fs]                                                          1.000000
 MD| Potential energy [hartree]         -0.110000000000E+01  -0.110000000000E+01
 MD| Temperature [K]                             300.000000           300.000000
 MD| ***************************************************************************
"""


def old_step(step, energy=-1.0, total=0.0, potential=None):
    values = {"step": step, "energy": energy, "total": total, "time": step / 2}
    return OLD_STEP.format(**values, potential=energy if potential is None else potential)


def positions(path, steps, energies=(-1.0, -1.1)):
    records = [
        f"       2\n i = {step:8d}, time = {step / 2:12.3f}, E = {energy:20.10f}\n  H 0.0 0.0 0.0\n  H 0.8 0.0 0.0\n"
        for step, energy in zip(steps, energies, strict=False)
    ]
    path.write_text("".join(records))
    return path


def some(tmp_path, *names):
    for name in names:
        shutil.copy(FOLDER / name, tmp_path)
    return tmp_path


def test_virial_of_the_output_is_that_of_strained_cells():
    found, source = frames_of(FOLDER / "single.out.gz")
    assert source.format == "cp2k_output" and len(found) == 1 and not source.notes and not source.dropped
    for step, i, j, strain, plus, minus in json.loads((FIXTURES / "cp2k/strain.json").read_text()):
        if step == 0:
            expected = -(plus - minus) / (2 * strain) * ENERGY_EV["Hartree"]
            assert found[0].virial[i, j] == pytest.approx(expected, abs=2e-3)
    with_motion, _ = frames_of(FIXTURES / "cp2k/water-pos-1.xyz")
    np.testing.assert_allclose(found[0].virial, with_motion[0].virial, atol=2e-3)
    np.testing.assert_allclose(found[0].forces, with_motion[0].forces, atol=1e-6)
    np.testing.assert_allclose(found[0].atoms.cell, [[4.2, 0, 0], [0.3, 4, 0], [-0.2, 0.4, 4.4]], atol=1e-6)
    assert found[0].energies["free_energy"] == pytest.approx(with_motion[0].energies["free_energy"], abs=1e-6)
    assert found[0].converged is True and str(found[0].atoms.symbols) == "OH2" and found[0].atoms.pbc.all()
    settings = source.settings
    assert settings["functional"] == "PADE" and settings["version"] == "2023.1" and settings["code"] == "CP2K"
    assert settings["cutoff_ev"] == pytest.approx(280 * ENERGY_EV["Ry"], rel=1e-5)
    assert settings["scf_threshold"] == 1e-7 and "O1 GTH-PADE-q6" in settings["pseudopotentials"]
    assert "HA SZV-MOLOPT-SR-GTH" in settings["basis"]


def test_output_and_files_of_one_run_agree_and_either_has_the_labels(tmp_path):
    names = ["npti-1.cell", "npti-1.stress", "npti-vel-1.xyz", "npti-frc-1.xyz"]
    files, source = frames_of(some(tmp_path, "npti-pos-1.xyz", "npti-1.ener", *names) / "npti-pos-1.xyz")
    assert "output" not in source.companions
    for name in names:
        (tmp_path / name).unlink()
    some(tmp_path, "npti.out.gz")
    printed, source = frames_of(tmp_path / "npti-pos-1.xyz")
    assert source.companions["output"].name == "npti.out.gz"
    # The run prints MD steps 2, 4 and 6, and the cell of a step in between is not known.
    assert [raw.step for raw in printed] == [0, 2, 4, 6] == [raw.step for raw in files]
    assert list(source.dropped.values()) == [3] and "cell the output does not state" in next(iter(source.dropped))
    by_output, _ = frames_of(tmp_path / "npti.out.gz")
    for one, other, third in zip(files, printed, by_output, strict=True):
        np.testing.assert_allclose(other.virial, one.virial, atol=1e-4)
        np.testing.assert_allclose(other.forces, one.forces, atol=1e-6)
        np.testing.assert_allclose(other.atoms.cell, one.atoms.cell, atol=1e-6)
        assert (other.time_fs, other.temperature_k) == (one.time_fs, one.temperature_k)
        np.testing.assert_array_equal(third.virial, other.virial)


def test_scf_that_does_not_converge_is_told(tmp_path):
    some(tmp_path, "nve.out.gz", "nve-pos-1.xyz", "nve-frc-1.xyz")
    found, source = frames_of(tmp_path / "nve-pos-1.xyz")
    assert [raw.converged for raw in found] == [False] * 3 and source.companions["output"].name == "nve.out.gz"
    np.testing.assert_allclose(found[0].atoms.cell, [[4.2, 0, 0], [0.3, 4, 0], [-0.2, 0.4, 4.4]], atol=1e-6)
    assert frames_of(FIXTURES / "cp2k/water-pos-1.xyz")[0][0].converged is None


def test_three_generations_of_the_output(tmp_path):
    (tmp_path / "old.out").write_text(OLD.format(steps=old_step(1) + NEW_STEP))
    positions(tmp_path / "old-pos-1.xyz", (1, 2))
    found, source = frames_of(tmp_path / "old.out")
    assert [raw.converged for raw in found] == [True, False] and [raw.time_fs for raw in found] == [0.5, 1.0]
    for raw in found:  # 10 000 bar are 1 GPa
        np.testing.assert_allclose(np.diag(raw.virial), np.array([1, 2, 3]) * 1000 / 160.2176621, rtol=1e-6)
        assert raw.virial[0, 1] == pytest.approx(100 / 160.2176621)
        np.testing.assert_allclose(raw.forces[:, 0], [0.514220675, -0.514220675], rtol=1e-6)
        assert raw.temperature_k == 300
    assert source.settings["version"] == "6.1" and not source.dropped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (old_step(1, total=0.5), r"add up to \[0\.0.*prints \[0\.5"),
        (old_step(1, potential=-1.5), r"two energies of step 1: -1\.0 Hartree .* and -1\.5"),
        (old_step(1, energy=-1.2), r"step 1 has the energy -1\.0 Hartree in .*pos-1\.xyz and -1\.2 in .*old\.out"),
        (old_step(1).replace("0.500000", "0.700000"), r"step 1 has the time 0\.5 fs in .* and 0\.7 in"),
        (
            old_step(1).replace("      2      1      H", "      2      1      O"),
            r"of 2 atoms H O .*positions of 2 atoms H H",
        ),
        (old_step(1).replace("[GPa]", "[furlong]"), r"is in 'furlong', which is not known"),
    ],
)
def test_output_that_contradicts_itself_or_the_positions(tmp_path, text, message):
    (tmp_path / "old.out").write_text(OLD.format(steps=text))
    path = positions(tmp_path / "old-pos-1.xyz", (1,))
    with pytest.raises(UserError, match=message):
        frames_of(path)


def test_cell_that_the_output_cannot_orient(tmp_path):
    steps = old_step(1).replace(
        " TEMPERATURE", " CELL ANGLS[deg]  =    0.9E+02   0.9E+02   0.9100000E+02\n TEMPERATURE"
    )
    (tmp_path / "old.out").write_text(OLD.format(steps=steps))
    positions(tmp_path / "old-pos-1.xyz", (1,))
    with pytest.raises(UserError, match=r"states lengths and angles of the cell but not its orientation"):
        frames_of(tmp_path / "old.out")
    with pytest.raises(UserError, match=r"the cell is 9\.0000 .* in `cell` and 10\.0000 .* in the output"):
        (tmp_path / "old.out").write_text(OLD.format(steps=old_step(1)))
        frames_of(tmp_path / "old.out", cell=[9.0, 9.0, 9.0])


def test_output_of_md_without_positions_and_of_a_cluster(tmp_path):
    text = OLD.format(steps=old_step(1))
    (tmp_path / "old.out").write_text(text)
    with pytest.raises(UserError, match=r"prints no positions; give the file .*companions: \{positions: "):
        frames_of(tmp_path / "old.out")
    positions(tmp_path / "old-pos-1.xyz", (1,))
    (tmp_path / "old.out").write_text(text.replace("            XYZ", "           NONE"))
    assert not frames_of(tmp_path / "old.out")[0][0].atoms.pbc.any()


def test_output_cut_anywhere_gives_complete_frames_and_the_loss(tmp_path):
    text = gzip.decompress((FOLDER / "npti.out.gz").read_bytes())
    whole, _ = frames_of(some(tmp_path, "npti.out.gz", "npti-pos-1.xyz") / "npti-pos-1.xyz")
    (tmp_path / "npti.out.gz").unlink()
    end = text.index(b"PROGRAM ENDED AT")
    for size in [*range(20000, end, 9973), end]:
        (tmp_path / "npti.out").write_bytes(text[:size])
        source = readers.source_of({"name": "run", "file": str(tmp_path / "npti-pos-1.xyz")})
        assert "output" in source.companions
        try:
            found, source = frames_of(tmp_path / "npti-pos-1.xyz")
        except UserError:
            continue
        assert any("no line PROGRAM ENDED AT" in note for note in source.notes)
        for one, other in zip(found, whole, strict=False):
            assert one.step == other.step
            np.testing.assert_array_equal(one.virial, other.virial)
            np.testing.assert_array_equal(one.forces, other.forces)
