"""Where tokens come from besides a configured text. The built-in credential plugins offer these."""
