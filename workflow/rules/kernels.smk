# Two similarity matrices from rows: a block of frames compared with itself and all blocks before it.


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
        "../../envs/analysis.yaml"
    params:
        seed=config["seed"],
    message:
        "Finding the scale of the Coulomb kernel over environments"
    script:
        "../scripts/scale_coulomb.py"


rule compute_kernel_row:
    input:
        blocks=descriptor_blocks,
        scale=coulomb_scale,
    output:
        at("kernels/rows/{block}.npz"),
    log:
        at("logs/compute_kernel_row/{block}.log"),
    benchmark:
        at("benchmarks/compute_kernel_row/{block}.jsonl")
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        **asking(lambda wildcards, input: costs.compute_kernel_row(input.blocks, config["kernels"])),
    params:
        settings=row_settings(),
    message:
        "Comparing the frames of block {wildcards.block} with those before it"
    script:
        "../scripts/compute_kernel_row.py"


rule assemble_kernels:
    input:
        rows=kernel_rows,
        table=at("frames/table.csv"),
        scale=coulomb_scale,
    output:
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        summary=at("kernels/kernels.json"),
    log:
        at("logs/assemble_kernels.log"),
    benchmark:
        at("benchmarks/assemble_kernels.jsonl")
    conda:
        "../../envs/analysis.yaml"
    resources:
        **asking(lambda wildcards, input: costs.assemble_kernels(input.table)),
    params:
        block_frames=config["descriptors"]["block_frames"],
        soap=config["kernels"]["soap"],
        coulomb=config["kernels"]["coulomb"],
    message:
        "Putting the kernels together"
    script:
        "../scripts/assemble_kernels.py"
