"""`python -m shared_utils.health [--port 9100]`: ask the service in this container how it is, for its healthcheck.

Exit code 0 if it is well, 1 if not or if it does not answer; what it prints is kept by `docker inspect`.
"""

import argparse
import http
import http.client
import json
import sys
from collections.abc import Sequence

DEFAULT_PORT = 9100
TIMEOUT_SECONDS = 5.0


def ask(host: str, port: int) -> tuple[bool, str]:
    """Whether the service is well, and what there is to say about it."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        answer = json.loads(response.read(100_000))
    except OSError as error:
        return False, f"nothing answers at {host}:{port}: {error.strerror or error}; is metrics.port {port}?"
    except (http.client.HTTPException, ValueError) as error:
        return False, f"what answers at {host}:{port} is no service of Vedette: {type(error).__name__}"
    finally:
        connection.close()
    if response.status == http.HTTPStatus.OK:
        return True, "ok"
    reasons = answer.get("reasons") if isinstance(answer, dict) else None
    told = "; ".join(f"{part}: {reason}" for part, reason in reasons.items()) if isinstance(reasons, dict) else ""
    return False, told or f"answered {response.status}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m shared_utils.health", description="Ask a service how it is.")
    parser.add_argument("--host", default="127.0.0.1", help="where it listens (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="its metrics.port (default: %(default)s)")
    options = parser.parse_args(arguments)
    well, told = ask(options.host, options.port)
    sys.stdout.write(told + "\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
