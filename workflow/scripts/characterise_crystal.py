"""Relaxed structure, equation of state and elastic constants of a crystal."""

from gapglass.base import files, log
from gapglass.potential import GAP, crystals

log.configure(snakemake.log[0], f"crystal {snakemake.wildcards.name}", snakemake.params)
atoms, imported = crystals.read(snakemake.input.crystal), files.read_json(snakemake.input.summary)
isolated = snakemake.params.e0 != "fitted" or set(atoms.symbols) <= set(imported["isolated_atom_energies"])
found, table = crystals.characterise(
    atoms, GAP(snakemake.input.potential), isolated=isolated, **snakemake.params.settings
)
log.notice("%s: %s", snakemake.wildcards.name, crystals.text(found))
files.write_json(snakemake.output.found, found)
files.write_table(snakemake.output.table, table)
