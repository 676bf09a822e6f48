"""`vedette queue`: what waits, what failed, and what to do about it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.options import ConfigFile, VideoFolder, errors_as_exit_codes, stdout

if TYPE_CHECKING:
    from shared_utils.queue import TaskQueue

queue_app = typer.Typer(
    help="Look at the task queues; give failed tasks another try, or drop them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

AnyQueue = Annotated[str | None, typer.Argument(metavar="QUEUE", help="One queue, for example video_queue.")]
OneQueue = Annotated[str, typer.Argument(metavar="QUEUE", help="The queue, for example video_queue.")]
TaskIds = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids as 'vedette queue dead' shows them.")]
AllTasks = Annotated[bool, typer.Option("--all", help="Every dead letter of the queue.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Limit = Annotated[int, typer.Option(min=1, metavar="NUMBER", help="Most tasks shown of each queue.")]


@queue_app.command()
def show(
    queue: AnyQueue = None,
    limit: Limit = 10,
    as_json: AsJson = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Show how many tasks wait, are in work and have failed, and which come next.

    For example:

        vedette queue show

        vedette queue show video_queue --limit 50
    """
    with _queues(config, video_dir, queue) as queues:
        from vedette.queue_tables import depth_table, looked_at, tasks_table

        looks = [looked_at(one, limit) for one in queues]
        if as_json:
            stdout.print_json(json.dumps({look.name: look.as_json() for look in looks}))
            return
        stdout.print(depth_table(look.view for look in looks))
        for table in filter(None, map(tasks_table, looks)):
            stdout.print(table)


@queue_app.command()
def dead(
    queue: AnyQueue = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Show the tasks that failed for good, with their last error.

    A task gets here after three attempts, or if it is no task at all. It stays until it is replayed or dropped.

    For example:

        vedette queue dead video_queue

        vedette queue dead --json | jq '.video_queue[].error'
    """
    with _queues(config, video_dir, queue) as queues:
        from vedette.queue_tables import dead_json, dead_table

        letters = {one.name: one.dead(limit) for one in queues}
        if as_json:
            stdout.print_json(json.dumps({name: [dead_json(letter) for letter in of] for name, of in letters.items()}))
        elif any(letters.values()):
            for name, of in letters.items():
                if of:
                    stdout.print(dead_table(name, of))
        else:
            stdout.print(f"No dead letters in {', '.join(letters)}.")


@queue_app.command()
def replay(
    queue: OneQueue,
    ids: TaskIds = None,
    *,
    everything: AllTasks = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Put failed tasks back in the queue, with fresh attempts.

    For example:

        vedette queue replay video_queue front-20261120T101500123Z

        vedette queue replay video_queue --all
    """
    with _queues(config, video_dir, queue) as [one]:
        count = one.replay(_chosen(ids, everything))
        stdout.print(f"{count} tasks are back in {one.name}.")
        _fail_if_none_of(ids, count)


@queue_app.command()
def drop(
    queue: OneQueue,
    ids: TaskIds = None,
    *,
    everything: AllTasks = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Delete failed tasks from the queue. Their segments stay where they are.

    For example:

        vedette queue drop video_queue front-20261120T101500123Z

        vedette queue drop video_queue --all --yes
    """
    with _queues(config, video_dir, queue) as [one]:
        chosen = _chosen(ids, everything)
        what = f"{len(chosen)} dead letters" if chosen else f"all {one.depth().dead} dead letters"
        if not yes:
            typer.confirm(f"Drop {what} of {one.name}?", abort=True)
        count = one.drop(chosen)
        stdout.print(f"{count} dead letters dropped from {one.name}.")
        _fail_if_none_of(ids, count)


@contextmanager
def _queues(config: ConfigFile, video_dir: VideoFolder, name: str | None) -> "Iterator[list[TaskQueue]]":
    """The queue of that name, or all; Redis errors become messages."""
    with errors_as_exit_codes():
        from shared_utils.clock import SystemClock
        from shared_utils.config import load_config
        from shared_utils.queue import TaskQueue, connect
        from vedette.queue_tables import checked_name, redis_errors_explained
        from vedette.run_redis import redis_url_of

        names = checked_name(name)
        settings = load_config(config, video_dir=video_dir, cameras_required=False)
        with redis_errors_explained(settings), connect(redis_url_of(settings)) as redis:
            yield [TaskQueue(redis, one, SystemClock()) for one in names]


def _chosen(ids: list[str] | None, everything: bool) -> list[str] | None:
    """The ids, or None for all."""
    from shared_utils.errors import WrongUseError

    if bool(ids) == everything:
        raise WrongUseError("Name the ids of the tasks, or say --all. 'vedette queue dead' shows the ids.")
    return ids or None


def _fail_if_none_of(ids: list[str] | None, count: int) -> None:
    from shared_utils.errors import VedetteError

    if ids and count < len(set(ids)):
        raise VedetteError(
            f"{len(set(ids)) - count} of the ids are no dead letters of this queue; 'vedette queue dead' shows them."
        )
