"""The `job_references` read model: from any reference to the jobs that have it."""
