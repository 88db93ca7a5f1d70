# Frames that the potential optimal asks for. A round quenches a small model with the potential of the round before (round
# 0 is the loop's), the checkpoint `mark_frames` says which of its frames need a label, and a fit takes them in. The number
# of the round is in every path: the potential of a round depends on the quench of that round, which depends on the
# potential of the round before. The glass models depend on the last potential.


use rule finish_potential as finish_loop with:
    output:
        **study.uncertainty_files(at("potentials/{potential}/loop")),
        potential=at("potentials/{potential}/loop/gap.xml"),
        train=at("potentials/{potential}/loop/train.extxyz"),
        test=at("potentials/{potential}/loop/test.extxyz"),
        predictions=at("potentials/{potential}/loop/predictions.csv"),
        forces=at("potentials/{potential}/loop/forces.npz"),
        fit=at("potentials/{potential}/loop/fit.json"),
        hyperparameters=at("potentials/{potential}/loop/hyperparameters.json"),
        history=at("potentials/{potential}/loop/history.csv"),
        ledger=at("potentials/{potential}/loop/ledger.jsonl"),
    log:
        at("logs/finish_loop/{potential}.log"),
    benchmark:
        at("benchmarks/finish_loop/{potential}.jsonl")
    wildcard_constraints:
        potential="optimal",
    message:
        "Delivering the loop's potential {wildcards.potential}"


use rule check_engine as check_engine_of_loop with:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        neighbours=at("frames/neighbours.csv"),
        fit=at("potentials/{potential}/loop/fit.json"),
        potential=at("potentials/{potential}/loop/gap.xml"),
    output:
        at("potentials/{potential}/loop/agreement.json"),
    log:
        at("logs/check_engine_of_loop/{potential}.log"),
    benchmark:
        at("benchmarks/check_engine_of_loop/{potential}.jsonl")


use rule check_pair_style as check_pair_style_of_loop with:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        potential=at("potentials/{potential}/loop/gap.xml"),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
    output:
        at("potentials/{potential}/loop/pair_style.json"),
    log:
        at("logs/check_pair_style_of_loop/{potential}.log"),
    benchmark:
        at("benchmarks/check_pair_style_of_loop/{potential}.jsonl")


use rule pack_atoms as pack_harvest with:
    output:
        f"{study.harvest_quench}/packed.data",
    log:
        at("logs/pack_harvest/{round}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/pack_harvest/{round}_{atoms}_{replica}.jsonl")
    message:
        "Start of {wildcards.atoms} atoms for round {wildcards.round} of harvest"


use rule run_stage as harvest_stage with:
    input:
        start=stage_start_of_round,
        earlier=stage_before_of_round,
        potential=potential_before("gap.xml"),
        harvest=potential_before("fit.json"),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
        # Later potentials have the terms and elements of the loop's.
        proofs=[path.replace("optimal/", "optimal/loop/") for path in study.proofs("optimal")],
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
    output:
        restart=f"{study.harvest_quench}/stage_{{stage}}/final.restart",
        thermo=f"{study.harvest_quench}/stage_{{stage}}/thermo.csv",
        trajectory=f"{study.harvest_quench}/stage_{{stage}}/trajectory.lammpstrj",
        outcome=f"{study.harvest_quench}/stage_{{stage}}/outcome.json",
    log:
        at("logs/harvest_stage/{round}_{atoms}_{replica}_{stage}.log"),
        lammps=at("logs/harvest_stage/{round}_{atoms}_{replica}_{stage}.lammps.log"),
    benchmark:
        at("benchmarks/harvest_stage/{round}_{atoms}_{replica}_{stage}.jsonl")
    resources:
        **asking(cost_of_harvest_stage),
    params:
        settings=study.stage_settings(),
        engine=study.engine_of_glass(),
        stage=lambda wildcards: config["glass"]["cycle"][int(wildcards.stage) - 1],
        reference_temperature=density_temperature,
        seed=config["seed"],
    message:
        "Quench of {wildcards.atoms} atoms for round {wildcards.round} of harvest, stage {wildcards.stage}"


# A file, because a checkpoint whose input functions wait for other checkpoints may start before they are asked again.
rule gather_labels_of_loop:
    input:
        lambda wildcards: records_of_loop("optimal"),
    output:
        at("harvest/labels_of_loop.json"),
    log:
        at("logs/gather_labels_of_loop.log"),
    benchmark:
        at("benchmarks/gather_labels_of_loop.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Collecting the labels of the loop for the harvest"
    script:
        "../scripts/gather_labels_of_loop.py"


checkpoint mark_frames:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        sets=at("frames/sets.json"),
        summary=at("frames/import.json"),
        potential=potential_before("gap.xml"),
        fit=potential_before("fit.json"),
        train=potential_before("train.extxyz"),
        trajectories=lambda wildcards: study.harvest_files(
            int(wildcards.round), "trajectory.lammpstrj"
        ),
        outcomes=lambda wildcards: study.harvest_files(int(wildcards.round), "outcome.json"),
        found=lambda wildcards: of_rounds(int(wildcards.round) - 1, "round.json"),
        asked=lambda wildcards: of_rounds(int(wildcards.round) - 1, "asked.extxyz"),
        loop=at("harvest/labels_of_loop.json") if study.labels_frames else [],
        records=lambda wildcards: records_of_rounds(int(wildcards.round) - 1),
    output:
        found=f"{study.harvest}/round.json",
        asked=f"{study.harvest}/asked.extxyz",
    log:
        at("logs/mark_frames/{round}.log"),
    benchmark:
        at("benchmarks/mark_frames/{round}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.mark_frames(input, config)),
    params:
        **study.harvest_settings(),
    message:
        "Marking the frames that the potential asks for, round {wildcards.round} of harvest"
    script:
        "../scripts/mark_frames.py"


use rule label_frame as label_harvested with:
    input:
        frames=f"{study.harvest}/asked.extxyz",
        table=[],
        inputs=LABEL_INPUTS,
    output:
        f"{study.harvest}/labels/{{frame}}.json",
    log:
        at("logs/label_harvested/{round}_{frame}.log"),
    benchmark:
        at("benchmarks/label_harvested/{round}_{frame}.jsonl")
    params:
        labels=config.get("labels"),
        kept=at("labels/outputs/harvested_{round}_{frame}"),
        guesses=at("labels/wave_functions"),
        study=config["study"],
    message:
        "Labelling frame {wildcards.frame} of round {wildcards.round} of harvest"


rule refit_potential:
    input:
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        potential=at("potentials/optimal/loop/gap.xml"),
        posterior=at("potentials/optimal/loop/posterior.npz"),
        train=at("potentials/optimal/loop/train.extxyz"),
        fit=at("potentials/optimal/loop/fit.json"),
        found=lambda wildcards: of_rounds(int(wildcards.round), "round.json"),
        asked=lambda wildcards: of_rounds(int(wildcards.round), "asked.extxyz"),
        records=lambda wildcards: records_of_rounds(int(wildcards.round)),
    output:
        **study.uncertainty_files(study.harvest),
        potential=f"{study.harvest}/gap.xml",
        train=f"{study.harvest}/train.extxyz",
        fit=f"{study.harvest}/fit.json",
    log:
        at("logs/refit_potential/{round}.log"),
        fit=at("logs/refit_potential/{round}.fit.log"),
    benchmark:
        at("benchmarks/refit_potential/{round}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.refit_potential(input)),
    params:
        **study.fit_settings(),
    message:
        "Fitting the potential with the frames of {wildcards.round} round(s) of harvest"
    script:
        "../scripts/refit_potential.py"


rule finish_harvest:
    input:
        **{
            name: delivered_by_harvest(Path(path).name)
            for name, path in study.uncertainty_files("potential").items()
        },
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        sets=at("frames/sets.json"),
        neighbours=at("frames/neighbours.csv"),
        summary=at("frames/import.json"),
        potential=delivered_by_harvest("gap.xml"),
        train=delivered_by_harvest("train.extxyz"),
        refit=delivered_by_harvest("fit.json"),
        before=at("potentials/optimal/loop/gap.xml"),
        test=at("potentials/optimal/loop/test.extxyz"),
        predictions=at("potentials/optimal/loop/predictions.csv"),
        forces=at("potentials/optimal/loop/forces.npz"),
        fit=at("potentials/optimal/loop/fit.json"),
        hyperparameters=at("potentials/optimal/loop/hyperparameters.json"),
        history=at("potentials/optimal/loop/history.csv"),
        ledger=at("potentials/optimal/loop/ledger.jsonl"),
        loop=at("harvest/labels_of_loop.json") if study.labels_frames else [],
        found=lambda wildcards: of_rounds(last_round(), "round.json"),
        asked=lambda wildcards: of_rounds(last_round(), "asked.extxyz"),
        records=lambda wildcards: records_of_rounds(last_round()),
    output:
        **study.uncertainty_files(at("potentials/optimal")),
        potential=at("potentials/optimal/gap.xml"),
        train=at("potentials/optimal/train.extxyz"),
        test=at("potentials/optimal/test.extxyz"),
        predictions=at("potentials/optimal/predictions.csv"),
        forces=at("potentials/optimal/forces.npz"),
        fit=at("potentials/optimal/fit.json"),
        hyperparameters=at("potentials/optimal/hyperparameters.json"),
        history=at("potentials/optimal/history.csv"),
        ledger=at("potentials/optimal/ledger.jsonl"),
        harvest=at("harvest/harvest.json"),
        harvested=at("harvest/harvested.extxyz"),
        table=at("harvest/frames.csv"),
    log:
        at("logs/finish_harvest.log"),
    benchmark:
        at("benchmarks/finish_harvest.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-4)),
    params:
        descriptor=config["potential"]["descriptor"],
        labels=config.get("labels"),
        study_file=SOURCES[0] if SOURCES else "",
        engine=study.engine,
    message:
        "Delivering the potential optimal after its harvest"
    script:
        "../scripts/finish_harvest.py"
