"""`python -m capture_service`."""

import sys

from capture_service.service import serve
from shared_utils.process import run_service

if __name__ == "__main__":
    sys.exit(run_service("capture_service", serve))
