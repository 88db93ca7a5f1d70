# Input functions of the structure: one table of every replica of a model.


def replicas(name, model):
    """Return the function from wildcards to one structure file of every replica of a model, or that of the reference."""

    def paths_of_replicas(wildcards):
        return study.replica_files(model.format(**wildcards), name)

    return paths_of_replicas
