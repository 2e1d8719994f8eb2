"""The policy language: what may be done, written as calls, and who of it is allowed what.

Pure functions over text: nothing here knows the database, HTTP, or who is asking.
"""
