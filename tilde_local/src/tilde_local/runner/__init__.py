"""Running commands on a tree of files, away from the host: knows nothing of the API or the database."""
