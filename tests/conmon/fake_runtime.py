#!/usr/bin/python3 -IS
"""An OCI runtime as far as the monitor can tell: create, restore and exec start a host process, nothing more.

The process is `args` of BUNDLE/config.json (or of the --process file). A key "fail" makes the runtime print its
text to stderr and exit 1; "noise" writes so many bytes to stderr first; "argv" names a file to record our
arguments in. `exec` without --detach (a health check) stays in the foreground.
"""

import array
import json
import os
import pty
import socket
import sys


def option(args, name):
    return args[args.index(name) + 1] if name in args else None


def run(spec, slave):
    os.setsid()
    if slave is not None:
        import fcntl
        import termios

        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
    os.execvp(spec["args"][0], spec["args"])


def main():
    args = sys.argv[1:]
    verb = next(word for word in args if word in ("create", "restore", "exec", "start", "delete", "state"))
    if verb not in ("create", "restore", "exec"):
        return 0
    path = option(args, "--process") or option(args, "--bundle") + "/config.json"
    with open(path) as file:
        spec = json.load(file)
    if "argv" in spec:
        with open(spec["argv"], "w") as file:
            json.dump(
                {
                    "argv": args,
                    "env": dict(os.environ),
                    "pid": os.getpid(),
                    "fds": os.listdir("/proc/self/fd"),
                },
                file,
            )
    os.write(2, b"n" * spec.get("noise", 0))
    if "fail" in spec:
        os.write(2, spec["fail"].encode())
        return 1
    slave = None
    console = option(args, "--console-socket")
    if console:
        master, slave = pty.openpty()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(console)
            connection.sendmsg(
                [b"console"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))]
            )
            connection.recv(1)  # the end of it: the monitor has the terminal
        os.close(master)
    foreground = verb == "exec" and "--detach" not in args
    pid = os.fork()
    if pid == 0:
        run(spec, slave)
    with open(option(args, "--pid-file") + ".new", "w") as file:
        file.write(str(pid))
    os.rename(option(args, "--pid-file") + ".new", option(args, "--pid-file"))
    if foreground:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF
    return 0


if __name__ == "__main__":
    sys.exit(main())
