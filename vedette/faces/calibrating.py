"""What a threshold costs and brings, as a table and in words."""

from dataclasses import asdict

from rich.table import Table

from shared_utils.gallery.calibration import Calibration, Rate


def calibration_table(found: Calibration) -> Table:
    """One row for each false-accept rate."""
    table = Table(
        "two people taken for one (FAR)", "threshold", "one person recognised (TAR)", "measured on enough pairs"
    )
    for rate in found.rates:
        table.add_row(
            f"1 of {round(1 / rate.far):,}",
            "-" if rate.threshold is None else f"{rate.threshold:.3f}",
            "-" if rate.tar is None else f"{100 * rate.tar:.1f} %",
            "yes" if rate.enough else f"no: {rate.pairs_needed:,} are needed",
        )
    return table


def calibration_words(found: Calibration, threshold: float) -> list[str]:
    """On what it was measured, and what to do with it."""
    lines = [
        f"{found.people} people and {found.strangers} strangers by {found.model}: {found.genuine_pairs:,} pairs of "
        f"faces of one person, {found.impostor_pairs:,} of two. The threshold in use is {threshold:.2f}."
    ]
    best = recommended(found)
    few = [rate for rate in found.rates if not rate.enough]
    if few:
        needed = min(rate.pairs_needed for rate in few)
        lines.append(
            f"A dash means that there are too few pairs of two people to name a threshold: {needed:,} are needed for "
            "the next one. Enrol more people, with several photos each, or let strangers come by."
        )
    if best is None:
        lines.append("Until then leave faces.threshold as it is.")
    elif best.threshold is not None and best.threshold > threshold:
        lines.append(
            f"To take fewer than 1 of {round(1 / best.far):,} pairs of two people for one, set faces.threshold to "
            f"{best.threshold:.3f}."
        )
    else:
        lines.append(
            f"It takes fewer than 1 of {round(1 / best.far):,} pairs of two people for one: leave it as it is."
        )
    return lines


def recommended(found: Calibration) -> Rate | None:
    """The lowest rate that there are enough pairs for."""
    return min((rate for rate in found.rates if rate.enough), key=lambda rate: rate.far, default=None)


def calibration_json(found: Calibration, threshold: float) -> dict[str, object]:
    """Machine-readable."""
    return asdict(found) | {"rates": [asdict(rate) for rate in found.rates], "threshold_in_use": threshold}
