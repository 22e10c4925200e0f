"""A test server for Hasura v2's GraphQL dialect, on a real PostgreSQL. Not a Hasura: only what tests need."""
