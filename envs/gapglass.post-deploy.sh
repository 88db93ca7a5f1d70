#!/bin/sh
# Snakemake runs this in the new conda environment: it installs gapglass from the checkout in which Snakemake was started.
# Elsewhere, name the source: GAPGLASS_SOURCE may be a folder or anything else that pip installs.
exec python -m pip install --no-deps "${GAPGLASS_SOURCE:-.}"
