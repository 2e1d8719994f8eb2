"""Talking to sandboxes: frames of commands and terminals, and what they print."""
