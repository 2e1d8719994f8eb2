"""The version of this release; all distributions are released in lock-step."""

__all__ = ["__version__"]

__version__ = "0.1.0"
