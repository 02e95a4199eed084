"""A process that has imported nlptrain and forks itself for each command, which saves the import of torch.

Requests and replies are JSON objects, a line each: ``start`` replies with a process id, ``wait`` with an exit code
(negative: the signal that ended it).
"""

import ctypes
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import traceback

from nlptrain_runtime.signals import exit_at_signals


def serve() -> None:
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(null, stream)
    import accelerate  # noqa: F401
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    from transformers import AutoModelForTokenClassification, AutoTokenizer  # noqa: F401

    import nlptrain
    from nlptrain.cli.main import main

    for module in pkgutil.walk_packages(nlptrain.__path__, "nlptrain."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    print(json.dumps({"pid": os.getpid()}), file=replies, flush=True)
    for line in requests:
        request = json.loads(line)
        if request["action"] == "start":
            pid = os.fork()
            if not pid:
                os.closerange(replies.fileno(), replies.fileno() + 1)
                _run(main, request)
            print(json.dumps({"pid": pid}), file=replies, flush=True)
        else:
            _, status = os.waitpid(request["pid"], 0)
            print(json.dumps({"exit_code": os.waitstatus_to_exitcode(status)}), file=replies, flush=True)


def _run(main, request) -> None:
    """Run the command in this process and exit."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        exit_at_signals()  # as the installed command does first
        os.setpgid(0, 0)
        os.chdir(request["folder"])
        for stream, name, mode in (
            (0, request["stdin"], os.O_RDONLY),
            (1, request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):
            os.dup2(os.open(name, mode, 0o644), stream)
        if request["file_size"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"], resource.RLIM_INFINITY))
        if request["drop_capabilities"]:
            _drop_file_capabilities()
        sys.argv = ["nlptrain", *request["arguments"]]
        main(prog_name="nlptrain")
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
    serve()
