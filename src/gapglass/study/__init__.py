"""What knows a configuration: schema, checks, names of files, cost of jobs, records of a run."""
