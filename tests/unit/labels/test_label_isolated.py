"""Isolated atoms: their numbers of unpaired electrons, their frames, and their entries."""

import pytest
from ase.data import chemical_symbols
from test_label_job import calls, engine_of

from gapglass.base.errors import UserError
from gapglass.frames import isolated as isolated_frames
from gapglass.labels import isolated
from gapglass.labels.store import Store


@pytest.mark.parametrize(
    ("symbol", "number"),
    [
        ("H", 1),
        ("He", 0),
        ("C", 2),
        ("N", 3),
        ("O", 2),
        ("Si", 2),
        ("P", 3),
        ("Cr", 6),
        ("Cu", 1),
        ("Te", 2),
        ("Bi", 3),
    ],
)
def test_unpaired_electrons_of_free_atoms(symbol, number):
    assert isolated.unpaired_electrons(symbol) == number


def test_number_is_odd_where_the_number_of_electrons_is():
    for number, symbol in enumerate(chemical_symbols[: chemical_symbols.index("Rn") + 1]):
        if number:
            assert isolated.UNPAIRED[symbol] % 2 == number % 2, symbol


def test_given_number_replaces_the_table():
    assert isolated.unpaired_electrons("Ce", {"Ce": 2}) == 2
    with pytest.raises(UserError, match="free Pu atom is not known"):
        isolated.unpaired_electrons("Pu")


def test_atom_is_labelled_once_and_known_as_isolated(tmp_path):
    engine = engine_of(tmp_path)
    stored = Store(tmp_path / "labels").of(engine.settings())
    record, energy = isolated.label_atom("O", engine, stored)
    assert (record.state, energy) == ("computed", -5.0)
    record, energy = isolated.label_atom("O", engine, Store(tmp_path / "labels").of(engine.settings()))
    assert (record.state, energy) == ("stored", -5.0)
    assert calls(tmp_path) == ["good"]
    entry = stored.find(isolated.frame("O"))
    assert isolated.is_isolated(entry) and isolated_frames.is_isolated(entry.atoms)
    with pytest.raises(UserError, match="with 2 unpaired electrons, 0 are asked for"):
        isolated.label_atom("O", engine, stored, spins={"O": 0})


def test_atom_without_label_has_no_energy(tmp_path):
    engine = engine_of(tmp_path, "fails")
    record, energy = isolated.label_atom("O", engine, Store(tmp_path / "labels").of(engine.settings()))
    assert record.state == "failed" and energy is None
