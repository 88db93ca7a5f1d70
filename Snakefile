# gapglass: FPMD trajectories of a glass -> clusters of similar frames -> a GAP fitted on few of them -> glass models -> their structure.
from snakemake.utils import min_version

min_version("9.21.1")

# A user's --configfile replaces the example study as a whole instead of being merged into it.
if not workflow.configfiles:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


onstart:
    if workflow.is_main_process:
        check_machine()
        files.remove_leftovers(STUDY_FOLDER)


onsuccess:
    if Path(at("report.html")).exists():
        print(f"\nReport: {Path(at('report.html')).resolve()}", flush=True)


include: "workflow/rules/common.smk"
include: "workflow/rules/trajectory.smk"
include: "workflow/rules/descriptors.smk"
include: "workflow/rules/kernels.smk"
include: "workflow/rules/clustering.smk"
include: "workflow/rules/active_learning.smk"
include: "workflow/rules/glass.smk"
include: "workflow/rules/structure.smk"
include: "workflow/rules/learning_curves.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/verify.smk"


# Bookkeeping of seconds, which no scheduler should queue; the plug-in is built where compilers are, on the login node.
localrules:
    average_replicas,
    build_plugin,
    build_report,
    choose_delta,
    collect_learning_curves,
    compare_potentials,
    compare_structure,
    decide,
    describe_figures,
    finish_glass,
    finish_potential,
    import_experiment,
    make_tables,
    sample_frames,
    set_aside_holdout,


# Named targets, one per stage: `snakemake potential` stops when the potential is there.


rule all:
    default_target: True
    input:
        at("report.html"),
        at("figures/README.md"),


rule clusters:
    input:
        at("clusters/best.json"),
        at("clusters/map.csv"),


rule potential:
    input:
        potential_files("summary.json"),
        at("potentials/comparison.csv"),


rule glass:
    input:
        glass_files("final.extxyz"),


rule structure:
    input:
        structure_files("rx.json"),


rule learning_curves:
    input:
        at("learning_curves/comparison.csv"),
        [
            at(f"figures/{figure.name}.{kind}")
            for figure in figures.learning(config)
            for kind in ("png", "pdf", "csv")
        ],


rule figures:
    input:
        FIGURES,
        at("figures/README.md"),
        [at(f"tables/{table.name}.csv") for table in figures.TABLES],
