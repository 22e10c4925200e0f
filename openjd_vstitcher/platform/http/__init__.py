"""The platform behind another machine's HTTP API."""
