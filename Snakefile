# The workflow stands in workflow/Snakefile; this file lets `snakemake` find it from the root of the checkout.
include: "workflow/Snakefile"


# An included file cannot name the default target.
rule default:
    default_target: True
    input:
        rules.all.input,
