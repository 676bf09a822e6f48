"""Who may import whom, which libraries live where, and who may read the environment: docs/design.md, made to hold."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("capture_service", "face_worker", "rtsp_emulator", "video_worker")
PACKAGES = (*SERVICES, "shared_utils", "vedette")

BASE = {"dotenv", "filelock", "prometheus_client", "pydantic", "pydantic_core", "pydantic_settings", "redis", "yaml"}
PICTURES = {"av", "cv2", "numpy"}
# What each image has installed (requirements/*.in); anything else would fail only once it runs in its container.
LIBRARIES = {
    "capture_service": BASE | PICTURES,
    "face_worker": BASE | PICTURES,  # the models are behind shared_utils.faces
    "rtsp_emulator": BASE | PICTURES | {"aiohttp", "gi"},
    "video_worker": BASE | PICTURES | {"onnxruntime", "supervision", "torch", "trackers", "ultralytics"},
    "shared_utils": BASE | {"cv2", "numpy", "onnxruntime", "scipy", "simsimd"},
    "vedette": BASE | PICTURES | {"onnxruntime", "rich", "typer", "ultralytics"},
}
# Present in some images only: loading the module must work without them, so they are imported where they are needed.
NEVER_AT_THE_TOP = {
    "shared_utils": {"cv2", "onnxruntime", "scipy", "simsimd"},
    "vedette": {"ultralytics"},
    "video_worker": {"torch", "ultralytics"},
    "rtsp_emulator": {"gi"},
}
FACES = PICTURES | {"google", "insightface", "onnx", "onnxruntime", "skimage", "supervision", "trackers"}
# Parts for the images that have these libraries; everybody else imports them where needed, too.
SHARED_BY_SOME = {
    "shared_utils.onnx_session": {"onnxruntime"},
    "shared_utils.analysis": PICTURES | {"supervision", "trackers"},
    "shared_utils.faces": FACES,
    "vedette.faces": FACES | {"PIL"},
    "vedette.watch": FACES | {"PIL"},
}
# Ultralytics, and torch, which it brings: one adapter and one exporter.
ULTRALYTICS_IS_FOR = ("video_worker/detectors/ultralytics_adapter.py", "vedette/weights_export.py")

MAY_READ_THE_ENVIRONMENT = {
    "shared_utils/config/environment.py": "the one place that turns variables into configuration",
    "shared_utils/prepare_folders.py": "runs before there is a configuration, as root, in a container of its own",
    "rtsp_emulator/__main__.py": "plays a camera, which has no vedette.yml; passwords do not belong on a command line",
    "vedette/commands/demo.py": "hands its own environment on to the services that it starts",
    "vedette/commands/run.py": "hands its own environment on to the services that it starts",
    "vedette/weights_export.py": "writes it: Ultralytics is told by variables to stay off the network",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's module."""

    where: str  # "shared_utils/queue.py:12"
    path: str  # "shared_utils.queue"
    at_the_top: bool  # of the module: runs when the module is loaded

    @property
    def module(self) -> str:
        return self.path.partition(".")[0]


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for_types = (
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    )
    inside = {id(below) for block in (*functions, *for_types) for below in ast.walk(block)}
    for node in ast.walk(tree):
        for module in modules_in(node):
            yield Import(f"{name_of(path)}:{getattr(node, 'lineno', 0)}", module, id(node) not in inside)


def modules_in(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are written out in full"
        return [str(node.module)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        named = node.args[0]
        return [str(named.value)] if isinstance(named, ast.Constant) else []
    return []


def imports(package: str) -> list[Import]:
    return [found for path in sources(package) for found in imports_of(path)]


@pytest.mark.parametrize("package", PACKAGES)
def test_there_is_something_to_look_at(package: str) -> None:
    """Otherwise a renamed folder would pass every rule."""
    assert len(imports(package)) > 10


@pytest.mark.parametrize("package", [*SERVICES, "shared_utils"])
def test_services_import_what_is_shared_and_themselves_only(package: str) -> None:
    """What services say to each other goes through files and queues, so that each runs in a container of its own."""
    foreign = (set(PACKAGES) | {"tests", "benchmarks"}) - {package, "shared_utils"}

    assert [found for found in imports(package) if found.module in foreign] == []


def test_the_command_line_imports_no_tests_or_benchmarks() -> None:
    assert [found for found in imports("vedette") if found.module in {"tests", "benchmarks"}] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_imports_only_what_its_image_has(package: str) -> None:
    allowed = LIBRARIES[package] | set(PACKAGES) | sys.stdlib_module_names

    foreign = [found for found in imports(package) if found.module not in allowed]

    assert [found for found in foreign if found.module not in own_libraries(found.where)] == []


@pytest.mark.parametrize("package", sorted(NEVER_AT_THE_TOP))
def test_what_only_some_images_have_is_imported_where_it_is_needed(package: str) -> None:
    optional = NEVER_AT_THE_TOP[package]

    at_the_top = [found for found in imports(package) if found.at_the_top]

    assert [one for one in at_the_top if one.module in optional - own_libraries(one.where)] == []
    if package in {"shared_utils", "vedette"}:
        shared_by_some = [one for one in at_the_top if part_of(one.path)]
        assert [
            one for one in shared_by_some if not own_libraries(one.where) >= SHARED_BY_SOME[part_of(one.path)]
        ] == []


def part_of(module: str) -> str:
    """The entry of SHARED_BY_SOME that the module belongs to, or nothing."""
    return next((part for part in SHARED_BY_SOME if f"{module}.".startswith(f"{part}.")), "")


def own_libraries(where: str) -> set[str]:
    """The libraries that a part has to itself."""
    module = where.partition(":")[0].removesuffix(".py").replace("/", ".")
    return SHARED_BY_SOME.get(part_of(module), set())


def test_ultralytics_stays_in_its_adapter_and_its_exporter() -> None:
    """It brings torch, a gigabyte that no other part needs."""
    found = [found for package in PACKAGES for found in imports(package) if found.module in {"torch", "ultralytics"}]

    assert [one for one in found if not one.where.startswith(ULTRALYTICS_IS_FOR)] == []


def reads_environment(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named = {
        f"os.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    }
    return bool((used | named) & {"os.environ", "os.environb", "os.getenv", "os.putenv"})


def test_the_environment_is_read_in_one_place() -> None:
    """A setting read elsewhere has no description, no bounds, and no error that names it."""
    readers = {name_of(path) for package in PACKAGES for path in sources(package) if reads_environment(path)}

    assert readers - MAY_READ_THE_ENVIRONMENT.keys() == set()
    assert MAY_READ_THE_ENVIRONMENT.keys() - readers == set(), "these read it no longer: take them off the list"


def test_the_repository_names_no_folder_of_one_machine() -> None:
    """A path that exists on the author's machine alone breaks everywhere else."""
    alien = ("/work" + "/", "../" + "shared/", "/root" + "/")
    texts = {
        name_of(path): path.read_text(encoding="utf-8") for package in (*PACKAGES, "tests") for path in sources(package)
    }

    assert {name for name, text in texts.items() if any(word in text for word in alien)} == set()
