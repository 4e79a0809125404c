"""Guards the Python processes that tests start: this folder is on their PYTHONPATH."""

import importlib

importlib.import_module("loopback").install()
