"""Imports: what is read from elsewhere, and the thread that brings it in."""
