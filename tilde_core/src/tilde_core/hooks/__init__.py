"""The hook layer: the only code that touches pluggy."""
