"""Run ``-m MODULE ARGUMENTS`` as Python does, in a process that the fork server starts, with this one's streams.

Signals are passed on; Python itself runs everything else. No package of ours is imported, so that it starts in
milliseconds.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    address, *arguments = sys.argv[1:]
    if arguments[:1] == ["-u"]:
        del arguments[0]
    if arguments[:1] != ["-m"]:
        os.execv(sys.executable, [sys.executable, *arguments])
    request = {
        "module": arguments[1],
        "name": arguments[1],
        "arguments": arguments[2:],
        "folder": os.getcwd(),
        "environment": {"OMP_NUM_THREADS": "1", **os.environ},
        "file_size": None,
        "drop_capabilities": False,
    }
    passed_on = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # until the process is there
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
    for descriptor in (0, 1, 2):  # only the process keeps pipes open
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    replies = connection.makefile("r")
    pid = json.loads(replies.readline())["pid"]
    for signal_number in passed_on:
        signal.signal(signal_number, lambda received, _: os.kill(pid, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    exit_code = json.loads(replies.readline())["exit_code"]
    if exit_code < 0:
        signal.signal(-exit_code, signal.SIG_DFL) if -exit_code != signal.SIGKILL else None
        os.kill(os.getpid(), -exit_code)
    os._exit(exit_code)


if __name__ == "__main__":
    main()
