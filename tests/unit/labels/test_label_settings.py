"""Fingerprints of settings: what changes them and what must not."""

import pytest
from code_inputs import BASIS, CP2K, INCAR, POTENTIALS, PW, cp2k_section, espresso_section, vasp_section

from gapglass.base.errors import UserError
from gapglass.labels import settings as label_settings
from gapglass.labels.engines import create
from gapglass.labels.settings import Settings, choose, differences, normalised


def fingerprint(section):
    return create(section).settings().fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1E-6", "1.0d-6"),
        ("320", "320.00"),
        ("'PBE'", "pbe"),
        (".true.", "T"),
        ("  2 2   2 ", "2 2 2"),
        ("1.5D+3", "1500"),
    ],
)
def test_form_of_a_value_does_not_matter(one, other):
    assert normalised(one) == normalised(other)


def test_words_with_digits_stay_words():
    assert normalised("DZVP-MOLOPT-SR-GTH") != normalised("DZVP-MOLOPT-SR-GTH-q6")
    assert normalised("1d6x") == "1D6X" and normalised("NN10") == "NN10"


def test_fingerprint_is_no_number_for_any_reader():
    assert all(Settings("a", "b", {"c": str(i)}).fingerprint.startswith("x") for i in range(50))


@pytest.mark.parametrize(
    "change",
    [
        ("CUTOFF 320", "CUTOFF 320.0"),
        ("PROJECT mine", "PROJECT other"),
        ("PRINT_LEVEL LOW", "PRINT_LEVEL MEDIUM\n  WALLTIME 3000"),
        ("ABC 5 5 5", "ABC 9.1 9.1 9.1"),
        ("MAX_SCF 40", "MAX_SCF 400"),
        ("SCF_GUESS ATOMIC", "SCF_GUESS RESTART"),
        ("MINIMIZER DIIS", "MINIMIZER CG\n        PRECONDITIONER FULL_ALL"),
        ("METHOD QS", "method qs  # a comment\n  STRESS_TENSOR NUMERICAL"),
        ("BASIS_SET_FILE_NAME BASIS", "BASIS_SET_FILE_NAME ./BASIS\n WFN_RESTART_FILE_NAME old.wfn"),
        ("  &END\n&END\n", "  &END\n  &PRINT\n    &FORCES\n    &END\n  &END\n&END\n"),
    ],
    ids=lambda change: change[1][:30],
)
def test_cp2k_settings_leave_out_paths_geometry_and_the_way_to_self_consistency(tmp_path, change):
    first = fingerprint(cp2k_section(tmp_path))
    assert CP2K.replace(*change) != CP2K
    assert fingerprint(cp2k_section(tmp_path, CP2K.replace(*change))) == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("CUTOFF 320", "CUTOFF 600"), "DFT/MGRID/CUTOFF: 320 and 600"),
        (("EPS_DEFAULT 1E-10", "EPS_DEFAULT 1E-12"), "DFT/QS/EPS_DEFAULT: 1e-10 and 1e-12"),
        (("&XC_FUNCTIONAL PBE", "&XC_FUNCTIONAL BLYP"), "DFT/XC/XC_FUNCTIONAL"),
        (("EPS_SCF 5E-6\n        MAX", "EPS_SCF 1E-7\n        MAX"), "DFT/SCF threshold: 5e-06 and 1e-07"),
        (("METHOD QS\n  &DFT", "METHOD QS\n  &DFT\n    UKS"), "DFT/UKS: absent and TRUE"),
        (("METHOD QS\n  &DFT", "METHOD QS\n  &DFT\n    CHARGE 1"), "DFT/CHARGE: absent and 1"),
        (("GTH-PBE-q6", "GTH-PBE"), "KIND O/POTENTIAL"),
        (("PROJECT mine", "EXTENDED_FFT_LENGTHS"), "GLOBAL/EXTENDED_FFT_LENGTHS: absent and TRUE"),
    ],
)
def test_cp2k_settings_hold_what_changes_the_labels(tmp_path, change, named):
    first = create(cp2k_section(tmp_path)).settings()
    other = create(cp2k_section(tmp_path, CP2K.replace(*change))).settings()
    (found,) = differences(first, other)
    assert found.startswith(named)
    assert first.fingerprint != other.fingerprint


def test_content_of_basis_sets_and_potentials_counts_and_not_their_layout(tmp_path):
    section = cp2k_section(tmp_path)
    first = create(section).settings()
    (tmp_path / "BASIS").write_text(
        BASIS.replace(" 2 0 1 2 2 1", "  2  0 1 2 2 1  # spd").replace("q1", "q1 NEW-NAME")
    )
    assert create(section).settings() == first
    (tmp_path / "BASIS").write_text(BASIS.replace("0.126240722900", "0.126240722901"))
    assert differences(first, create(section).settings())[0].startswith("KIND O/BASIS_SET: SMALL-BASIS")
    (tmp_path / "BASIS").write_text(BASIS)
    (tmp_path / "POTENTIALS").write_text(POTENTIALS.replace("18.33745811", "18.4"))
    assert differences(first, create(section).settings())[0].startswith("KIND O/POTENTIAL: GTH-PBE-Q6")


def test_another_version_is_another_fingerprint(tmp_path):
    section = cp2k_section(tmp_path)
    found = differences(create(section).settings(), create(section | {"version": "2024.1"}).settings())
    assert found == ["version: 2023.1 and 2024.1"]


@pytest.mark.parametrize(
    "change",
    [
        ("'mine'", "'other'"),
        ("/tmp/of/mine/", "/scratch/"),
        ("degauss = 1.0d-2", "degauss = 0.01"),
        ("mixing_beta = 0.4", "mixing_beta = 0.2, electron_maxstep = 200"),
        ("nat = 1, ntyp = 2, ibrav = 0 /", "nat = 48\n/"),
        ("30.0", "30"),
    ],
    ids=lambda change: change[1][:30],
)
def test_espresso_settings_leave_out_paths_geometry_and_mixing(tmp_path, change):
    first = fingerprint(espresso_section(tmp_path))
    assert PW.replace(*change) != PW
    assert fingerprint(espresso_section(tmp_path, PW.replace(*change))) == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("ecutwfc = 30.0", "ecutwfc = 60.0"), "SYSTEM/ecutwfc: 30 and 60"),
        (("2 2 2 0 0 0", "3 3 3 0 0 0"), "K_POINTS"),
        (("conv_thr = 1.0d-8", "conv_thr = 1.0d-6"), "ELECTRONS/conv_thr: 1e-08 and 1e-06"),
        (("degauss", "input_dft = 'blyp', degauss"), "SYSTEM/input_dft: absent and BLYP"),
    ],
)
def test_espresso_settings_hold_what_changes_the_labels(tmp_path, change, named):
    first = create(espresso_section(tmp_path)).settings()
    (found,) = differences(first, create(espresso_section(tmp_path, PW.replace(*change))).settings())
    assert found.startswith(named)


def test_content_of_pseudopotentials_counts(tmp_path):
    section = espresso_section(tmp_path)
    first = create(section).settings()
    (tmp_path / "pseudo/O.upf").write_text("another one")
    assert differences(first, create(section).settings())[0].startswith("ATOMIC_SPECIES/O: O.upf")


def test_vasp_settings(tmp_path):
    first = create(vasp_section(tmp_path)).settings()
    assert first.values["INCAR/ENCUT"] == "400" and first.values["INCAR/EDIFF"] == "1e-06"
    same = vasp_section(tmp_path, INCAR.replace("NCORE = 4", "KPAR = 2\nNELM = 200").replace("Normal", "All"))
    assert create(same).settings() == first
    other = create(vasp_section(tmp_path, INCAR.replace("0.05", "0.1"))).settings()
    assert differences(first, other) == ["INCAR/SIGMA: 0.05 and 0.1"]
    section = vasp_section(tmp_path)
    (tmp_path / "KPOINTS").write_text("other comment\n0\nGamma\n2 1 1\n0 0 0\n")
    assert differences(first, create(section).settings()) == ["KPOINTS: 0 GAMMA 1 1 1 0 0 0 and 0 GAMMA 2 1 1 0 0 0"]


def test_settings_survive_their_file(tmp_path):
    settings = create(cp2k_section(tmp_path)).settings()
    label_settings.write(tmp_path / "set", settings)
    assert label_settings.read(tmp_path / "set") == settings


def test_sets_of_one_fingerprint_agree_and_none_is_an_error():
    one = Settings("cp2k", "2023.1", {"CUTOFF": "320"})
    assert choose({"a": one, "b": Settings("cp2k", "2023.1", {"CUTOFF": "320"})}) == one
    with pytest.raises(UserError, match="there are no labels"):
        choose({})
    with pytest.raises(UserError, match=r"labels.settings is 'x000'"):
        choose({"a": one}, "x000")


def test_fallback_may_change_the_way_but_not_the_label(tmp_path):
    section = cp2k_section(tmp_path)
    fallback = tmp_path / "fallback.inp"
    section["fallback"] = str(fallback)
    fallback.write_text(CP2K.replace("MINIMIZER DIIS", "MINIMIZER CG").replace("MAX_SCF 5", "MAX_SCF 50"))
    create(section).check_fallback()
    fallback.write_text(CP2K.replace("CUTOFF 320", "CUTOFF 200"))
    with pytest.raises(UserError, match="DFT/MGRID/CUTOFF: 320 and 200"):
        create(section).check_fallback()
