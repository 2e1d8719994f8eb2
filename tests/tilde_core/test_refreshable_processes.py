"""Credentials that are refreshed in the background, when the process ends and when it forks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAD = """
import os, threading, time
from datetime import datetime, timezone
from tilde.plugins import AccessToken, Clock, CredentialSettings, RefreshableCredentials

ahead, numbers, gate, began = [0.0], [], threading.Event(), threading.Event()
gate.set()

def fetch():
    numbers.append(1)
    began.set()
    gate.wait()
    ends = datetime.fromtimestamp(time.time() + ahead[0] + 3600, timezone.utc)
    return AccessToken(f"{os.getpid() == parent} {len(numbers)}", ends)

parent = os.getpid()
clock = Clock(monotonic=lambda: time.monotonic() + ahead[0], wall=lambda: time.time() + ahead[0])
settings = CredentialSettings(endpoint_url="https://tilde.test", api_key=None, send=None, clock=clock)
credentials = RefreshableCredentials(settings, fetch)
"""

ENDS = """
credentials.token()
ahead[0] += 3400
gate.clear()
began.clear()
assert credentials.token() == "True 1"
assert began.wait()  # a fetch is on its way in the background and never comes back
"""

FORKS_WHILE_FETCHING = """
gate.clear()
fetching = threading.Thread(target=credentials.token)
fetching.start()
assert began.wait()
credentials._lock.acquire()  # as a thread of the parent may have, at the worst of times
child = os.fork()
if child == 0:
    gate.set()
    assert credentials.token() == "False 2", credentials.token()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
credentials._lock.release()
gate.set()
fetching.join()
assert credentials.token() == "True 1"
"""

FORKS_WITH_A_TOKEN = """
credentials.token()
child = os.fork()
if child == 0:
    assert credentials.token() == "True 1"  # as good here as there
    ahead[0] += 3599
    assert credentials.token() == "False 2"
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert credentials.token() == "True 1"
"""


def run(code: str) -> None:
    command = [sys.executable, "-W", "error", "-c", HEAD + code]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def test_a_fetch_in_the_background_does_not_hold_up_the_end_of_the_process() -> None:
    run(ENDS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.parametrize("code", [FORKS_WHILE_FETCHING, FORKS_WITH_A_TOKEN], ids=["while fetching", "with a token"])
def test_a_child_fetches_for_itself(code: str) -> None:
    run(code)
