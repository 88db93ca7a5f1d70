"""Two settings of the electronic structure in one study: steps of the energy stop it or are noted."""

import numpy as np
import pandas as pd
import pytest
from ase.io import write
from reading import SETTINGS, entry

from gapglass.base.errors import UserError
from gapglass.frames import energy_steps, trajectory


def table(*blocks, formula="O32Te16"):
    """Return rows of frames/table.csv; a block is (trajectory, number, temperature, energy, spread[, density])."""
    rng, rows = np.random.default_rng(3), []
    for name, number, temperature, energy, spread, *density in blocks:
        for _ in range(number):
            rows.append(
                {
                    "trajectory": name,
                    "source_index": sum(row["trajectory"] == name for row in rows),
                    "temperature_k": temperature,
                    "formula": formula,
                    "energy_ev_per_atom": energy + spread * rng.standard_normal(),
                    "density_g_per_cm3": density[0] if density else 5.6,
                }
            )
    return pd.DataFrame(rows)


def stops(*blocks):
    return [step["stops"] for step in energy_steps.steps(table(*blocks))]


@pytest.mark.parametrize(
    "blocks",
    [
        [("a", 30, 300, -362.0, 0.005), ("b", 20, 300, -359.0, 0.005)],  # by trajectory
        [("a", 30, 300, -362.0, 0.005), ("a", 20, 300, -359.0, 0.005)],  # in time
        [("a", 30, 1000, -362.0, 0.02), ("a", 20, 300, -359.0, 0.005)],  # in time, with the temperature
        [("a", 30, 1000, -362.0, 0.02), ("a", 20, 300, -359.0, 0.005), ("b", 1, 300, -362.05, 0.0)],
        [("a", 1, 300, -362.0, 0.0), ("a", 1, 300, -359.0, 0.0)] * 12,  # one after the other
        [("a", 30, 300, -362.0, 0.005), ("b", 2, 300, -362.4, 0.005)],
    ],
)
def test_two_settings_stop(blocks):
    assert any(stops(*blocks))


@pytest.mark.parametrize(
    "blocks",
    [
        # Plateaus of one melt-quench, 154 meV/atom apart at spreads of 2 to 27.
        [("a", 30, 2500, -362.0, 0.027), ("a", 30, 1000, -362.154, 0.01), ("a", 30, 300, -362.22, 0.002)],
        [("a", 30, 300, -362.0, 0.005), ("b", 30, 300, -362.015, 0.005)],  # two glasses, three sigmas apart
        [("a", 100, 4000, -361.0, 0.04), ("b", 30, 300, -362.2, 0.003)],  # a hot melt and a glass
        [("melt", 40, 2000, -362.0, 0.02), ("crystal", 10, 300, -362.35, 0.002, 6.0)],
        [("a", 30, 300, -362.0, 0.03), ("a", 1, 300, -360.5, 0.0)],  # one frame is an outlier and no group
    ],
)
def test_sound_sets_do_not_stop(blocks):
    assert not any(stops(*blocks))


def test_a_hot_start_that_relaxes_is_no_second_setting():
    energies = -362.0 + 1.5 * np.exp(-np.arange(60) / 6)
    part = table(*[("a", 1, 2000, energy, 0.01) for energy in energies])
    assert not any(step["stops"] for step in energy_steps.steps(part))


def test_small_step_at_one_temperature_and_density_is_noted():
    small = [("a", 30, 300, -362.0, 0.005), ("b", 30, 300, -361.92, 0.005)]
    assert stops(*small) == [False]
    assert stops(*small[:1], ("b", 30, 300, -361.97, 0.005)) == []
    assert stops(*small[:1], ("b", 30, 500, -361.92, 0.005)) == []
    assert stops(*small[:1], ("b", 30, 300, -361.92, 0.005, 6.5)) == []


def test_compositions_are_compared_by_their_ratio_only_with_themselves():
    one, other = table(("a", 12, 300, -362.0, 0.005)), table(("b", 12, 300, -359.0, 0.005), formula="O4Te2")
    assert energy_steps.steps(pd.concat([one, other], ignore_index=True))[0]["stops"]
    other = table(("b", 12, 300, -359.0, 0.005), formula="O4Te3")
    assert energy_steps.steps(pd.concat([one, other], ignore_index=True)) == []


def test_import_tells_sizes_and_step_and_can_accept_them(tmp_path, blyp_frames):
    for name, shift in (("one", 0.0), ("two", 3.0)):
        frames = [frame.copy() for frame in blyp_frames[40:58][(name == "two") :: 2]]
        for frame in frames:
            frame.info["REF_energy"] += shift * len(frame)
        write(tmp_path / f"{name}.extxyz", frames, format="extxyz")
    both = [entry(tmp_path / f"{name}.extxyz", name=name) for name in ("one", "two")]
    message = r"9 frames of trajectory 'one' .* 9 frames of trajectory 'two' .*a step of (2.9|3.0)\d+ eV/atom"
    with pytest.raises(UserError, match=message) as error:
        trajectory.import_frames(both, SETTINGS)
    assert "import: {accept_energy_steps: true}" in str(error.value)
    frames, _, summary = trajectory.import_frames(both, SETTINGS | {"accept_energy_steps": True})
    assert len(frames) == 18 and summary["energy_steps"][0]["stops"]
    assert "a step of" in summary["notes"][0]
