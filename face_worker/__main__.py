"""`python -m face_worker`: finds and names the faces in recorded segments."""

import sys

from face_worker.service import SERVICE, serve
from shared_utils.process import run_service


def main() -> int:
    """Run until told to stop; the exit code of the service."""
    return run_service(SERVICE, serve, cameras_required=False)


if __name__ == "__main__":
    sys.exit(main())
