"""A process that has imported nlptrain and forks itself for each command, which saves the import of torch.

It listens on a socket. A request is a line of JSON that comes with the standard streams; the replies are a line with
the process id, and one with the exit code (negative: the signal that ended it). When its client ends, it is killed.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import sys
import traceback
from typing import Any

from nlptrain_runtime.signals import exit_at_signals


def serve(address: str, python: str) -> None:
    """Fork for each connection, until standard input is closed.

    Args:
        address: of the socket.
        python: the ``sys.executable`` of the commands, which start others with it.
    """
    import accelerate  # noqa: F401
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import seqeval.metrics  # noqa: F401
    from transformers import AutoModelForTokenClassification, AutoTokenizer  # noqa: F401

    import nlptrain

    for module in pkgutil.walk_packages(nlptrain.__path__, "nlptrain."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    nlptrain.models.tokenization.tokenizer._uppers()  # a cached table that most students need
    sys.executable = python
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies of the processes that wait for commands
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"ready\n")
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                _start(connection)
            connection.close()


def _start(connection: socket.socket) -> None:
    """Start the requested process, wait until it or its client has ended, and exit."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20)
    pid = os.fork()
    if not pid:
        connection.close()
        _run(json.loads(message), streams)
    for stream in streams:
        os.close(stream)
    connection.sendall(json.dumps({"pid": pid}).encode() + b"\n")
    if connection in select.select([connection, os.pidfd_open(pid)], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie, so that its id is not used again
    assert end is not None
    exit_code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
    try:
        connection.sendall(json.dumps({"exit_code": exit_code}).encode() + b"\n")
        connection.recv(1)
    finally:
        os._exit(0)


def _run(request: dict[str, Any], streams: list[int]) -> None:
    """Run a module as ``python -m`` does, and exit."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if request["module"] == "nlptrain":
            exit_at_signals()  # as it does first
        os.setpgid(0, 0)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        for descriptor, stream in enumerate(streams):
            os.dup2(stream, descriptor)
            os.close(stream)
        if request["file_size"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"], resource.RLIM_INFINITY))
        if request["drop_capabilities"]:
            _drop_file_capabilities()
        sys.argv = [request["name"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter reports it
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            code = 120
        os._exit(code)


def _drop_file_capabilities() -> None:
    """Drop the capabilities to read and write all files (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)."""
    library = ctypes.CDLL(None, use_errno=True)
    header, capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if library.capget(header, capabilities):
        raise OSError(ctypes.get_errno(), "capget")
    for group in (0, 1):  # effective, permitted
        capabilities[group] &= ~0b110
    if library.capset(header, capabilities):
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    serve(*sys.argv[1:])
