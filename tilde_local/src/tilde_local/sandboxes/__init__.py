"""Sandboxes: code that runs on the files of a repository, and whose changes are committed when it succeeds."""
