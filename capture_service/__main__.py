"""`python -m capture_service`."""

import sys

from capture_service.memory import share_memory_among_threads
from capture_service.service import serve
from shared_utils.process import run_service

if __name__ == "__main__":
    share_memory_among_threads()
    sys.exit(run_service("capture_service", serve))
