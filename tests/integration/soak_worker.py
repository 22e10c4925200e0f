"""A worker without an engine: claims jobs and ends them, until none is left. Sometimes it is too slow for its lease."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path

from openjd_vstitcher.config import load_config
from openjd_vstitcher.errors import ClaimLost
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewAsset, Outcome

LEASE_S = 3.0
TYPES = ("DXA_EXPORT_BODY_BUNDLE", "DXA_EXPORT_ASSET_BUNDLE", "BRAND_ONBOARDING", "TEST")


def work(platform: Platform, worker: str, claim: Claim, ended: Path, chance: random.Random) -> None:
    """One attempt; its mark is in the outcome and in the asset, so that a mix-up shows."""
    mark = f"{worker} {claim.attempt}"
    asset_id = platform.begin_asset(claim, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", True, "style-1"))
    if chance.random() < 0.005:
        threading.Event().wait(LEASE_S + 1.0)
    platform.heartbeat(claim, lease_s=LEASE_S, progress=50.0)
    platform.asset_uploaded(claim, asset_id, {"mark": mark})
    platform.finish(claim, Outcome("COMPLETED_SUCCESS", mark))
    with ended.open("a") as file:
        file.write(f"{claim.job.id} {mark}\n")


def main(config: str, worker: str, ended: str, seed: str) -> None:
    chance = random.Random(int(seed))
    platform = open_platform(load_config(Path(config)).platform)
    print("ready", flush=True)
    while True:
        claim = platform.claim(worker, TYPES, lease_s=LEASE_S)
        if claim is not None:
            try:
                work(platform, worker, claim, Path(ended), chance)
            except ClaimLost:
                continue
            continue
        waits = platform.requeue_expired() or platform.wait_for_jobs(TYPES, timeout_s=0.5)
        if not waits and not platform.jobs(status="IN_PROGRESS", limit=1):
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
