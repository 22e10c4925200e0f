"""A stand-in for VStitcher: `BwApi` on top of an open-source renderer. Does not imitate the look of VStitcher."""
