# Two similarity matrices from tiles that compare block with block.


rule scale_coulomb:
    input:
        descriptor_blocks,
    output:
        at("kernels/scale.json"),
    log:
        at("logs/scale_coulomb.log"),
    conda:
        "../../envs/analysis.yaml"
    params:
        seed=config["seed"],
    message:
        "Finding the scale of the Coulomb kernel over environments"
    script:
        "../scripts/scale_coulomb.py"


rule compute_kernel_tile:
    input:
        block=at("descriptors/block_{block}"),
        other=at("descriptors/block_{other}"),
        scale=coulomb_scale,
    output:
        at("kernels/tiles/{block}_{other}.npz"),
    log:
        at("logs/compute_kernel_tile/{block}_{other}.log"),
    benchmark:
        at("benchmarks/compute_kernel_tile/{block}_{other}.tsv")
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    params:
        settings=tile_settings(),
    message:
        "Comparing the frames of block {wildcards.block} with block {wildcards.other}"
    script:
        "../scripts/compute_kernel_tile.py"


rule assemble_kernels:
    input:
        tiles=kernel_tiles,
        scale=coulomb_scale,
    output:
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        summary=at("kernels/kernels.json"),
    log:
        at("logs/assemble_kernels.log"),
    benchmark:
        at("benchmarks/assemble_kernels.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        soap=config["kernels"]["soap"],
        coulomb=config["kernels"]["coulomb"],
    message:
        "Putting the kernels together"
    script:
        "../scripts/assemble_kernels.py"
