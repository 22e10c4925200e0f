"""A stand-in VStitcher for machines without one: `BwApi` over an open renderer. It imitates no look of VStitcher's."""
