# Two similarity matrices from tiles that compare block with block.


rule compute_kernel_tile:
    input:
        block=at("descriptors/block_{block}"),
        other=at("descriptors/block_{other}"),
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
        packed=config["descriptors"]["coulomb"]["permutation"] != "eigenspectrum",
    message:
        "Comparing the frames of block {wildcards.block} with block {wildcards.other}"
    script:
        "../scripts/compute_kernel_tile.py"


rule assemble_kernels:
    input:
        kernel_tiles,
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
