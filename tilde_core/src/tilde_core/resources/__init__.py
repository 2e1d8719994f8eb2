"""Resources: one noun per file. They know paths, parameters and types, and nothing of retries, statuses or tokens."""
