"""Run one command and tell how long it took and how much memory it had: `python -IS timed.py FD COMMAND…`.

A process of its own, and a small one: a command's peak of memory includes that of the process it was forked from.
"""

import os
import sys
import time

report = int(sys.argv[1])
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
spent = time.perf_counter() - start
os.write(report, f"{spent} {os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())
