"""The routes under /api/v1: one noun a module, one function a method."""
