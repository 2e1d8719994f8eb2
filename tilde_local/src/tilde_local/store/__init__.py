"""What the server knows, as functions over an open SQLite transaction: one noun a module.

Nothing here knows HTTP, except that what it refuses is an `ApiError`.
"""
