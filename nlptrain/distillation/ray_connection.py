"""The connection to a Ray cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
from contextlib import suppress

from nlptrain.errors import InputError, Setting
from nlptrain.run.run import SIGNALS
from nlptrain_runtime.errors import message_line

_MAX_REASON = 200  # characters
_CONNECT_SECONDS = 10.0


def connect(address: str) -> None:
    """Connect to the cluster at ``address``, without Ray's own output and reports.

    Raises:
        InputError: there is none.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the default of Ray 3; Ray 2 warns without it
    import ray

    handlers = {signal_number: signal.getsignal(signal_number) for signal_number in SIGNALS}
    try:
        _check_address(address)
        dashboard = False if address == "local" else None
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=dashboard)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = message_line(str(error).strip().split("\n")[0])[:_MAX_REASON]
        raise InputError(
            f"found {address}, and no Ray cluster can be reached there ({reason})",
            location=Setting("labeling.address"),
            hint="start one: ray start --head; or use local, which starts one on this machine",
        ) from error
    finally:
        with suppress(ValueError):  # outside the main thread there are none
            for signal_number, handler in handlers.items():
                signal.signal(signal_number, handler)  # Ray replaces that of SIGTERM


def _check_address(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT, which Ray would try for many minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
