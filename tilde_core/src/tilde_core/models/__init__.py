"""Wire types, one module per noun."""
