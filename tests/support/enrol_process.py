"""`vedette faces …` with painted faces instead of weights, killed at a chosen step: see `kill_at`.

    python -m tests.support.enrol_process FOLDER JOURNAL STEP ARGUMENT …

STEP is a number, or `-` for a run that nobody kills; the journal names all steps below the folder.
"""

import sys
from pathlib import Path
from unittest.mock import patch

from tests.support.kill_at import Steps
from tests.support.painted_faces import PaintedEngine
from vedette.cli import app


def main(folder: str, journal: str, step: str, *arguments: str) -> None:
    Steps(Path(folder), Path(journal), at=None if step == "-" else int(step), every_thread=True).watch()
    with patch("vedette.commands.faces.loaded_engine", lambda _settings: PaintedEngine()):
        app(["faces", *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
