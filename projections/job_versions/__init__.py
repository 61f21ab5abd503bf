"""The `job_versions` read model: every version of every job, for lists that look back."""
