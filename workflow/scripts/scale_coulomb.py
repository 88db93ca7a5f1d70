"""Find zeta for the Coulomb kernel over environments; the rows of this kernel depend on it."""

from gapglass.base import files, log, seeds
from gapglass.similarity import blocks, coulomb, coulomb_environments

log.configure(snakemake.log[0], "scale_coulomb", snakemake.params)
vectors = [vector for folder in snakemake.input for vector in blocks.read_block(folder)["coulomb"]]
matrices = [coulomb.whole_matrix(vector) for vector in vectors]
scale = coulomb_environments.row_scale(matrices, seeds.derive(snakemake.params.seed, "row scale"))
files.write_json(snakemake.output[0], {"zeta": 1 / scale})
