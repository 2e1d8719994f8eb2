"""`doctor` on the command line."""

from __future__ import annotations

import argparse
import sys

from tilde_core.doctor.examination import Wishes, examine

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Return 0 if no check has failed, else 1."""
    wishes = Wishes(arguments.repository, arguments.offline, arguments.timeout)
    report = examine(wishes)
    sys.stdout.write((report.as_json() if arguments.json else report.as_text()) + "\n")
    return 0 if report.is_ok else 1
