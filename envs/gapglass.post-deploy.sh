#!/bin/sh
# Snakemake runs this in the new conda environment: it installs gapglass from the checkout in which Snakemake was started.
# Elsewhere, name the source: GAPGLASS_SOURCE may be a folder or anything else that pip installs.
# Compiled with the pinned packages of this environment, which pip would otherwise fetch anew in versions of its own.
exec python -m pip install --no-deps --no-build-isolation "${GAPGLASS_SOURCE:-.}"
