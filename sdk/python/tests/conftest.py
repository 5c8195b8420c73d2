"""Loads the package from this folder under the name `behavry_sdk`: in this checkout `behavry` is the server's own.

What the package is called once installed is checked in a process of its own (test_sdk_installed.py).
"""

import importlib.util
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "behavry"
_spec = importlib.util.spec_from_file_location(
    "behavry_sdk", SOURCE / "__init__.py", submodule_search_locations=[str(SOURCE)]
)
assert _spec is not None and _spec.loader is not None
sys.modules["behavry_sdk"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["behavry_sdk"])
