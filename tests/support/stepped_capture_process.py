"""`capture_service` by a clock that the test steps: `python -m tests.support.stepped_capture_process --config FILE`."""

import sys
from functools import partial

from capture_service.service import serve
from shared_utils.process import run_service
from tests.support.stepped_clock import stepped_clock

if __name__ == "__main__":
    sys.exit(run_service("capture_service", partial(serve, clock=stepped_clock())))
