"""What a worker tells Prometheus about its queue. One set per process; the label says which queue."""

from prometheus_client import Counter, Gauge, Histogram

from shared_utils.queue import QueueDepth

_RUN_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 900)
_WAIT_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)

WAITING = Gauge("vedette_queue_waiting", "Tasks that wait.", ["queue"])
IN_WORK = Gauge("vedette_queue_in_work", "Tasks that some worker has in hand.", ["queue"])
DEAD = Gauge("vedette_queue_dead", "Dead letters: tasks that somebody should look at.", ["queue"])
ATTEMPTS = Counter("vedette_task_attempts_total", "Attempts begun.", ["queue"])
RESULTS = Counter(
    "vedette_tasks_total", "How attempts ended: done, retried, postponed, dead or malformed.", ["queue", "result"]
)
RUN_SECONDS = Histogram("vedette_task_run_seconds", "How long an attempt took.", ["queue"], buckets=_RUN_BUCKETS)
WAIT_SECONDS = Histogram(
    "vedette_task_wait_seconds", "From queueing a task to its first attempt.", ["queue"], buckets=_WAIT_BUCKETS
)


def tell_depth(queue: str, depth: QueueDepth | None) -> None:
    """Set the gauges; None makes them NaN, for an old number would look like a queue that stands still."""
    unknown = float("nan")
    WAITING.labels(queue).set(unknown if depth is None else depth.waiting)
    IN_WORK.labels(queue).set(unknown if depth is None else depth.in_work)
    DEAD.labels(queue).set(unknown if depth is None else depth.dead)
