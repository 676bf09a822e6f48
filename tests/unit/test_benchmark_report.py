"""The file that keeps the measurements."""

from pathlib import Path

import pytest

from benchmarks.report import table, update_results


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    """One benchmark is run again after a change; the figures of the others are as they were."""
    path = tmp_path / "RESULTS.md"
    update_results(path, "## Motion\n\nold\n")
    update_results(path, "## Queue\n\nfast\n")

    update_results(path, "## Motion\n\nnew\n")

    text = path.read_text()
    assert text.startswith("# Measurements")
    assert "old" not in text
    assert text.count("## Motion") == 1
    assert "## Queue\n\nfast\n" in text


def test_a_section_without_a_heading_is_refused(tmp_path: Path) -> None:
    """It could never be found again to be replaced."""
    with pytest.raises(ValueError, match="begins with a heading"):
        update_results(tmp_path / "RESULTS.md", "no heading")


def test_a_table_has_a_line_for_each_row() -> None:
    """Markdown shows a broken table as text."""
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"
