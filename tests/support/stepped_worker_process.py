"""The object worker by a clock that the test steps: `python -m tests.support.stepped_worker_process URL VIDEO`."""

from tests.support.object_worker_process import main
from tests.support.stepped_clock import stepped_clock

if __name__ == "__main__":
    main(stepped_clock())
