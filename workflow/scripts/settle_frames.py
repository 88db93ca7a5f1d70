"""Take the last choice of frames as the database of an iteration."""

import shutil

from gapglass.base import files, log

OF_THE_CHOICE = ("asked", "n_affordable")  # fits do not depend on it

log.configure(snakemake.log[0], "settle_frames", snakemake.params)
database = files.read_json(snakemake.input.database)
if database["failed"]:
    log.notice("no label of frames %s; they never enter again", ", ".join(map(str, database["failed"])))
files.write_json(
    snakemake.output.database, {name: value for name, value in database.items() if name not in OF_THE_CHOICE}
)
for name in ("train", "test"):
    with files.whole_file(snakemake.output[name]) as temporary:
        shutil.copyfile(snakemake.input[name], temporary)
