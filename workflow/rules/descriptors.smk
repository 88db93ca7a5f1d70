# Fingerprints of the frames, block by block, one file per frame.


rule compute_descriptors:
    input:
        # A growing trajectory rewrites both; what a block depends on are its own frames, and those are in the digest.
        frames=ancient(at("frames/frames.extxyz")),
        table=ancient(at("frames/table.csv")),
    output:
        directory(at("descriptors/{block}")),
    log:
        at("logs/compute_descriptors/{block}.log"),
    benchmark:
        at("benchmarks/compute_descriptors/{block}.jsonl")
    conda:
        "../../envs/analysis.yaml"
    resources:
        **asking(
            lambda wildcards, input: costs.compute_descriptors(
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
        "SOAP and Coulomb fingerprints of block {wildcards.block}"
    script:
        "../scripts/compute_descriptors.py"
