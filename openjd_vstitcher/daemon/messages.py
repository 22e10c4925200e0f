"""What a worker tells its supervision, and what it is told: events and instructions, as values."""

from __future__ import annotations

from dataclasses import dataclass

# What the worker has seen


@dataclass(frozen=True)
class Found:
    """At its start the worker found the directory of an attempt that is not reported; `alive`: its process runs."""

    attempt: str
    alive: bool


@dataclass(frozen=True)
class Claimed:
    """The queue gave a job."""

    attempt: str


@dataclass(frozen=True)
class NothingToClaim:
    """The queue has no job for this worker now."""


@dataclass(frozen=True)
class ClaimFailed:
    """The queue could not be asked."""


@dataclass(frozen=True)
class JobsAnnounced:
    """The queue may have a job again."""


@dataclass(frozen=True)
class StartFailed:
    """This machine could not start the process of an attempt; the worker gives the job back.

    `machine` is whether the machine is at fault: then it pauses before it claims again.
    """

    attempt: str
    machine: bool = True


@dataclass(frozen=True)
class SignOfLife:
    """The process of an attempt has written its status since the last look."""

    attempt: str


@dataclass(frozen=True)
class Ended:
    """The process of an attempt has ended.

    Parameters
    ----------
    reported: the queue knows the outcome, nothing is left to do.
    machine: this machine is at fault: the process never began its work, or its outcome says so.
    """

    attempt: str
    reported: bool
    machine: bool = False


@dataclass(frozen=True)
class Unfit:
    """The machine must not begin anything now, such as when its disk is nearly full."""

    reason: str


@dataclass(frozen=True)
class Fit:
    """The machine can work again."""


@dataclass(frozen=True)
class StopAsked:
    """The worker was told to stop: the first time after its running attempts, the second time now."""


Event = (
    Found
    | Claimed
    | NothingToClaim
    | ClaimFailed
    | JobsAnnounced
    | StartFailed
    | SignOfLife
    | Ended
    | Unfit
    | Fit
    | StopAsked
)


# What the worker must do


@dataclass(frozen=True)
class Claim:
    """Ask the queue for a job; answer with `Claimed`, `NothingToClaim` or `ClaimFailed`."""


@dataclass(frozen=True)
class Start:
    """Start the process of a claimed attempt; answer with `StartFailed` if that fails, and in time with `Ended`."""

    attempt: str


@dataclass(frozen=True)
class Return:
    """Put the job of a claim back into the queue: the worker was told to stop before the attempt was started."""

    attempt: str


@dataclass(frozen=True)
class Finish:
    """Start a process that delivers what an attempt left and reports its outcome; answer in time with `Ended`."""

    attempt: str


@dataclass(frozen=True)
class GiveBack:
    """Tell an attempt to stop and to put its job back into the queue."""

    attempt: str


@dataclass(frozen=True)
class Kill:
    """End the process of an attempt, with all that it started; `reason` is for the log."""

    attempt: str
    reason: str


@dataclass(frozen=True)
class Warn:
    """Tell whoever runs this machine that something is wrong with it."""

    message: str


@dataclass(frozen=True)
class Exit:
    """End the worker."""


Instruction = Claim | Start | Return | Finish | GiveBack | Kill | Warn | Exit
