# Fingerprints of the frames, block by block, one file per frame.


rule compute_descriptors:
    input:
        frames=at("frames/frames.extxyz"),
        summary=at("frames/import.json"),
    output:
        directory(at("descriptors/block_{block}")),
    log:
        at("logs/compute_descriptors/{block}.log"),
    benchmark:
        at("benchmarks/compute_descriptors/{block}.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        block_frames=config["descriptors"]["block_frames"],
        soap=config["descriptors"]["soap"],
        averaging=config["kernels"]["soap"]["averaging"],
        coulomb=config["descriptors"]["coulomb"],
    message:
        "SOAP and Coulomb fingerprints of block {wildcards.block}"
    script:
        "../scripts/compute_descriptors.py"
