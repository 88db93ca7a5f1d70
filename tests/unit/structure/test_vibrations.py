"""Vibrational density of states of oscillators with known frequencies."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from gapglass.structure import vibrations

FREQUENCIES = {"Si": 12.0, "O": 30.0}  # THz


def oscillators(interval, n_frames, n_formula=40, noise=0.0):
    """Return positions, velocities and symbols of SiO2 atoms that vibrate with their element's frequency.

    Amplitudes give every atom the same kinetic energy, as in equipartition; phases are random.
    """
    symbols = ["Si"] * n_formula + ["O"] * 2 * n_formula
    masses = Atoms(symbols).get_masses()
    rng = np.random.default_rng(4)
    phase = rng.uniform(0, 2 * np.pi, (len(symbols), 3))
    omega = 2 * np.pi * np.array([FREQUENCIES[symbol] for symbol in symbols])[:, None]
    amplitude = 0.4 / np.sqrt(masses)[:, None] / omega
    t = interval * np.arange(n_frames)[:, None, None]
    rest = rng.uniform(0, 12, (len(symbols), 3))
    return rest + amplitude * np.sin(omega * t + phase), amplitude * omega * np.cos(omega * t + phase), symbols


def integral(table, name, low=0.0, high=np.inf):
    """Return the integral of a column over a range of frequencies (THz)."""
    inside = table[(table["frequency_thz"] >= low) & (table["frequency_thz"] <= high)]
    return np.trapezoid(inside[name], inside["frequency_thz"])


def test_oscillators_have_a_peak_each_with_the_modes_of_their_element():
    """A third of the atoms, Si, has a third of the modes: 1 of 3, at its frequency."""
    _, velocities, symbols = oscillators(0.002, 4000)
    table = vibrations.density_of_states(velocities, symbols, 0.002, 0.5)
    assert integral(table, "vdos_per_thz") == pytest.approx(3)
    for element, modes in (("Si", 1.0), ("O", 2.0)):
        name, at = vibrations.column(element), FREQUENCIES[element]
        assert table.loc[table[name].idxmax(), "frequency_thz"] == pytest.approx(at, abs=0.2)
        # The centre of mass takes 3 of the 360 degrees of freedom with it.
        assert integral(table, name, at - 1, at + 1) == pytest.approx(modes, rel=1 / 120)
        assert (table[f"{name}_error"] < 0.02 * table[name].max()).all()
    np.testing.assert_allclose(table["vdos_Si_per_thz"] + table["vdos_O_per_thz"], table["vdos_per_thz"])
    peak = table.loc[table["vdos_Si_per_thz"].idxmax()]
    assert peak["frequency_inverse_cm"] == pytest.approx(400.277, rel=1e-4)  # 12 THz
    assert peak["energy_mev"] == pytest.approx(49.628, rel=1e-4)
    assert vibrations.highest_frequency(table) == pytest.approx(30, abs=1)


def test_width_of_a_line_is_the_resolution():
    _, velocities, symbols = oscillators(0.002, 8000)
    for resolution in (0.5, 1.0):
        table = vibrations.density_of_states(velocities, symbols, 0.002, resolution)
        line = table["vdos_Si_per_thz"]
        step = table["frequency_thz"][1]
        assert line.sum() * step / line.max() == pytest.approx(resolution, rel=0.02)


def test_drift_of_all_atoms_is_no_vibration():
    _, velocities, symbols = oscillators(0.002, 4000)
    table = vibrations.density_of_states(velocities + np.array([5.0, 0, 0]), symbols, 0.002, 0.5)
    assert table["vdos_per_thz"][:10].max() < 1e-3 * table["vdos_per_thz"].max()


def test_heavy_and_light_atoms_weigh_by_their_mass():
    """At equal velocities, Te (127.6) has eight times the share of O (16.0)."""
    velocities = np.zeros((2000, 2, 3))
    t = 0.002 * np.arange(2000)
    # Perpendicular to each other, so that the centre of mass takes a known part with it.
    velocities[:, 0, 0], velocities[:, 1, 1] = np.cos(2 * np.pi * 10 * t), np.cos(2 * np.pi * 20 * t)
    table = vibrations.density_of_states(velocities, ["Te", "O"], 0.002, 1.0)
    heavy, light = 127.60, 15.999
    share = {10: heavy * (light**2 + heavy * light), 20: light * (heavy**2 + heavy * light)}
    for at, weight in share.items():
        expected = 3 * weight / sum(share.values())
        assert integral(table, "vdos_per_thz", at - 3, at + 3) == pytest.approx(expected, rel=2e-3)


def test_noise_has_no_dip_at_zero():
    """Velocities without memory have the same density at every frequency, at its lower end too."""
    velocities = np.random.default_rng(6).normal(size=(6000, 60, 3))
    table = vibrations.density_of_states(velocities, ["O"] * 60, 0.05, 1.0)
    assert table["frequency_thz"].iloc[-1] == pytest.approx(10.0)
    np.testing.assert_allclose(table["vdos_per_thz"], 0.3, rtol=0.05)


def test_a_run_shorter_than_a_segment_is_refused():
    with pytest.raises(ValueError, match="100 frames, 1500 make a segment"):
        vibrations.density_of_states(np.zeros((100, 2, 3)), ["O", "O"], 0.002, 0.5)


def reference(interval, n_frames):
    positions, _, symbols = oscillators(interval, n_frames, n_formula=10)
    frames = []
    for number, place in enumerate(positions):
        frame = Atoms(symbols, positions=place, cell=[12.0] * 3, pbc=True)
        frame.wrap()
        frame.info |= {"role": "reference", "temperature": 300.0, "trajectory": "a", "time_ps": number * interval}
        frames.append(frame)
    return frames


def test_reference_from_positions_equals_that_from_velocities():
    """Steps of 10 fs lower the spectrum of differences at 30 THz by a quarter, which is taken out."""
    table, text = vibrations.of_reference(reference(0.01, 800), 1.0, 31.0)
    _, velocities, symbols = oscillators(0.01, 800, n_formula=10)
    exact = vibrations.density_of_states(velocities, symbols, 0.01, 1.0)
    np.testing.assert_allclose(table["vdos_per_thz"], exact["vdos_per_thz"], atol=5e-3 * exact["vdos_per_thz"].max())
    assert "800 successive frames" in text and "below 50 THz" in text


@pytest.mark.parametrize(
    ("interval", "n_frames", "highest", "reason"),
    [
        (0.02, 800, 31.0, "20 fs apart and resolve frequencies below 25 THz; the models vibrate at up to 31 THz"),
        (0.01, 100, 31.0, "lasts 0.99 ps; a resolution of 1 THz needs 1.5 ps"),
        (0.01, 800, None, "no model tells"),
    ],
    ids=["too far apart", "too short", "no model"],
)
def test_reference_without_vibrations_says_why(interval, n_frames, highest, reason):
    table, text = vibrations.of_reference(reference(interval, n_frames), 1.0, highest)
    assert table is None and reason in text


def test_reference_without_times_says_why():
    frames = reference(0.01, 10)
    del frames[3].info["time_ps"]
    assert vibrations.of_reference(frames, 1.0, 31.0) == (None, "its frames are not at known, equal steps of time")


def test_run_in_words():
    thermo = pd.DataFrame(
        {"time_ps": [0.0, 1.0, 2.0], "temperature_k": [290.0, 310, 300], "total_energy_ev": [-5.0, -4.99, -4.98]}
    )
    assert vibrations.run_in_words(thermo, 10) == (
        "run at constant energy, 2 ps at 300 K on average, drift of the energy 1 meV/atom/ps"
    )


@pytest.mark.parametrize(
    ("n_atoms", "mean", "warns"),
    [(48, 374.0, False), (48, 376.0, True), (48, 224.0, True), (3000, 329.0, False), (3000, 331.0, True)],
)
def test_run_far_from_the_temperature_of_its_stage_is_a_warning(n_atoms, mean, warns):
    """Three times 1 / sqrt(3 N) is 25 % of 48 atoms; of 3000 it is 3 %, so the least difference counts, a tenth."""
    thermo = pd.DataFrame({"temperature_k": [mean - 20, mean + 20]})
    text = vibrations.unsettled(thermo, n_atoms, 300.0)
    assert (text is not None) == warns
    head = vibrations.header(1.0, 0.002, "run", text)
    assert head[-1] == (f"warning: {text}" if warns else "run") and (not warns or f"{mean:.0f} K on average" in text)
