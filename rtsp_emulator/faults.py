"""The ways in which a camera can be told to misbehave, and which of them hold now."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Fault(StrEnum):
    """The faults; docs/reference/emulator.md says what a camera does in reality."""

    DROP = "drop"
    RESET = "reset"
    TIMESTAMP_JUMP = "timestamp_jump"
    REFUSE = "refuse"
    GONE = "gone"
    HANG = "hang"
    STALL = "stall"
    UNAUTHORIZED = "unauthorized"
    VIDEO_STOPS = "video_stops"
    CHANGE_RESOLUTION = "change_resolution"
    CHANGE_CODEC = "change_codec"
    GARBAGE = "garbage"
    LOSS = "loss"
    FROZEN_TIMESTAMPS = "frozen_timestamps"
    SLOW = "slow"


# These happen once; the others hold until they are over or mended.
AT_ONCE = {Fault.DROP, Fault.RESET, Fault.TIMESTAMP_JUMP}
# Parameters that only some faults understand; refused elsewhere, so that a slip does not go unnoticed.
PARAMETERS = {
    "by_seconds": {Fault.TIMESTAMP_JUMP},
    "share": {Fault.GARBAGE, Fault.LOSS},
    "where": {Fault.GARBAGE},
    "speed": {Fault.SLOW},
    "closes": {Fault.CHANGE_CODEC},
}


class FaultOrder(BaseModel):
    """The body of `POST /cameras/{camera}/faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fault: Fault = Field(description="What goes wrong.")
    seconds: float | None = Field(default=None, gt=0, description="For how long; until it is mended if not given.")
    by_seconds: float = Field(default=60, ge=-20_000, le=20_000, description="How far the media clock jumps.")
    share: float = Field(default=1.0, gt=0, le=1, description="Which share of the packets suffers.")
    where: Literal["payload", "framing"] = Field(default="payload", description="What is noise.")
    speed: float = Field(default=0.5, gt=0, lt=1, description="How fast the camera still is.")
    closes: bool = Field(default=True, description="Whether clients are dropped when it happens.")

    @model_validator(mode="after")
    def _parameters_belong_to_the_fault(self) -> Self:
        given = sorted(self.model_fields_set & PARAMETERS.keys())
        foreign = [name for name in given if self.fault not in PARAMETERS[name]]
        if self.fault in AT_ONCE and self.seconds is not None:
            foreign.append("seconds")
        if foreign:
            raise ValueError(f"{self.fault} takes no {', '.join(foreign)}")
        return self


@dataclass(frozen=True, slots=True)
class _Holding:
    order: FaultOrder
    until: float  # monotonic; infinite if only mending ends it


class FaultBoard:
    """The lasting faults of one camera. Ordering a fault again replaces its parameters and its end."""

    def __init__(self) -> None:
        self._holding: dict[Fault, _Holding] = {}

    def begin(self, order: FaultOrder, now: float) -> None:
        """Let a lasting fault hold from now on."""
        until = now + order.seconds if order.seconds else math.inf
        self._holding[order.fault] = _Holding(order, until)

    def mend(self, fault: Fault | None = None) -> None:
        """End one fault, or all."""
        for name in [fault] if fault else list(self._holding):
            self._holding.pop(name, None)

    def order(self, fault: Fault, now: float) -> FaultOrder | None:
        """The order of a fault if it holds now."""
        holding = self._holding.get(fault)
        return holding.order if holding and now < holding.until else None

    def holds(self, fault: Fault, now: float) -> bool:
        return self.order(fault, now) is not None

    def report(self, now: float) -> list[dict[str, Any]]:
        """What holds now, for the status."""
        return [
            holding.order.model_dump(mode="json", exclude_unset=True, exclude={"seconds"})
            | {"seconds_left": None if math.isinf(holding.until) else round(holding.until - now, 3)}
            for holding in self._holding.values()
            if now < holding.until
        ]
