# Two similarity matrices, made of rows: a row compares a block of frames with itself and with all blocks before it.


rule scale_coulomb:
    input:
        descriptor_blocks,
    output:
        at("kernels/scale.json"),
    log:
        at("logs/scale_coulomb.log"),
    benchmark:
        at("benchmarks/scale_coulomb.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        seed=config["seed"],
    message:
        "Finding the scale of the Coulomb kernel over environments"
    script:
        "../scripts/scale_coulomb.py"


rule compute_kernel_row:
    input:
        blocks=descriptor_blocks,
        scale=study.coulomb_scale(),
    output:
        at("kernels/rows/{block}.npz"),
    log:
        at("logs/compute_kernel_row/{block}.log"),
    benchmark:
        at("benchmarks/compute_kernel_row/{block}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: 2
    resources:
        **asking(
            lambda wildcards, input: resources.compute_kernel_row(input.blocks, config["kernels"])
        ),
    params:
        settings=study.row_settings(),
    message:
        "Comparing the frames of block {wildcards.block} with those before it"
    script:
        "../scripts/compute_kernel_row.py"


rule assemble_kernels:
    input:
        rows=kernel_rows,
        table=at("frames/table.csv"),
        scale=study.coulomb_scale(),
    output:
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        summary=at("kernels/kernels.json"),
    log:
        at("logs/assemble_kernels.log"),
    benchmark:
        at("benchmarks/assemble_kernels.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.assemble_kernels(input.table)),
    params:
        block_frames=config["descriptors"]["block_frames"],
        soap=config["kernels"]["soap"],
        coulomb=config["kernels"]["coulomb"],
        balance=config["kernels"]["balance"],
    message:
        "Combining the rows into kernels"
    script:
        "../scripts/assemble_kernels.py"
