# Descriptors of the frames, block by block, one file per frame.


rule compute_descriptors:
    input:
        # A trajectory that grows rewrites both files. A block depends on its own frames alone, which the digest stands for.
        frames=ancient(at("frames/frames.extxyz")),
        table=ancient(at("frames/table.csv")),
    output:
        directory(at("descriptors/{block}")),
    log:
        at("logs/compute_descriptors/{block}.log"),
    benchmark:
        at("benchmarks/compute_descriptors/{block}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(
            lambda wildcards, input: resources.compute_descriptors(
                input.table, **config["descriptors"]
            )
        ),
    params:
        block_frames=config["descriptors"]["block_frames"],
        digest=block_digest,
        species=lambda wildcards: imported()["species"],
        soap=config["descriptors"]["soap"],
        averaging=config["kernels"]["soap"]["averaging"],
        coulomb=config["descriptors"]["coulomb"],
    message:
        "SOAP and Coulomb descriptors of block {wildcards.block}"
    script:
        "../scripts/compute_descriptors.py"
