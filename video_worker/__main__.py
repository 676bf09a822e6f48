"""`python -m video_worker`: finds the objects in recorded segments."""

import sys

from shared_utils.process import run_service
from video_worker.service import SERVICE, serve


def main() -> int:
    """Run until told to stop; the exit code of the service."""
    return run_service(SERVICE, serve, cameras_required=False)


if __name__ == "__main__":
    sys.exit(main())
