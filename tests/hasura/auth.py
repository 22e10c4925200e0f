"""Who a request is from: admin secret, JWT, or nobody."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from tests.hasura.errors import HasuraError
from tests.hasura.permissions import ADMIN, Session

_SECRET_HEADERS = ("x-hasura-admin-secret", "x-hasura-access-key")
_NOT_VARIABLES = {*_SECRET_HEADERS, "x-hasura-role", "x-hasura-use-backend-only-permissions"}
_NAMESPACE = "https://hasura.io/jwt/claims"
_CAUSES: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "JWTExpired",
    jwt.InvalidSignatureError: "JWSError JWSInvalidSignature",
    jwt.ImmatureSignatureError: "JWTNotYetValid",
    jwt.InvalidAudienceError: "JWTNotInAudience",
    jwt.InvalidIssuerError: "JWTNotInIssuer",
}


@dataclass(frozen=True)
class Authenticator:
    """Checks requests. Without an admin secret everyone is admin, as in Hasura.

    Parameters: `jwt_secret` is the content of `HASURA_GRAPHQL_JWT_SECRET` (types HS256, HS384, HS512);
    `unauthorized_role` is what a request without credentials gets.
    """

    admin_secret: str | None = None
    jwt_secret: dict[str, Any] | None = None
    unauthorized_role: str | None = None

    def authenticate(self, headers: Mapping[str, str]) -> Session:
        """The session of a request. Raises `HasuraError` (`access-denied`, `invalid-jwt`, …)."""
        given = {name.lower(): value for name, value in headers.items()}
        if self.admin_secret is None:
            return _from_headers(given, trusted=True)
        secret = next((given[name] for name in _SECRET_HEADERS if name in given), None)
        if secret is not None:
            if not hmac.compare_digest(secret.encode(), self.admin_secret.encode()):
                raise HasuraError("invalid x-hasura-admin-secret/x-hasura-access-key", "access-denied")
            return _from_headers(given, trusted=True)
        if self.jwt_secret is not None and "authorization" in given:
            return self._from_token(given["authorization"], given)
        if self.unauthorized_role is not None:
            return Session(self.unauthorized_role)
        if self.jwt_secret is not None:
            raise HasuraError(
                "Missing 'Authorization' or 'Cookie' header in JWT authentication mode", "invalid-headers"
            )
        raise HasuraError("x-hasura-admin-secret/x-hasura-access-key required, but not found", "access-denied")

    def _from_token(self, authorization: str, headers: Mapping[str, str]) -> Session:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise HasuraError("Malformed Authorization header", "invalid-headers")
        payload = self._decode(token)
        claims = self._claims(payload)
        allowed, default = claims.get("x-hasura-allowed-roles"), claims.get("x-hasura-default-role")
        if not isinstance(allowed, list):
            raise HasuraError("JWT claim does not contain x-hasura-allowed-roles", "jwt-missing-role-claims")
        if not isinstance(default, str):
            raise HasuraError("JWT claim does not contain x-hasura-default-role", "jwt-missing-role-claims")
        role = headers.get("x-hasura-role", default)
        if role not in allowed:
            raise HasuraError("Your requested role is not in allowed roles", "access-denied")
        variables = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in claims.items()
            if name not in ("x-hasura-allowed-roles", "x-hasura-default-role")
        }
        return Session(role, variables, expires_at=payload.get("exp"))

    def _decode(self, token: str) -> dict[str, Any]:
        config = self.jwt_secret or {}
        try:
            payload: dict[str, Any] = jwt.decode(
                token,
                config["key"],
                algorithms=[config["type"]],
                audience=config.get("audience"),
                issuer=config.get("issuer"),
                leeway=config.get("allowed_skew", 0),
                options={"verify_aud": "audience" in config},
            )
        except jwt.PyJWTError as error:
            cause = _CAUSES.get(type(error), f"JWSError {error}")
            raise HasuraError(f"Could not verify JWT: {cause}", "invalid-jwt") from error
        return payload

    def _claims(self, payload: dict[str, Any]) -> dict[str, Any]:
        config = self.jwt_secret or {}
        namespace = config.get("claims_namespace", _NAMESPACE)
        claims = payload.get(namespace)
        if claims is not None and config.get("claims_format") == "stringified_json":
            claims = json.loads(claims)
        if not isinstance(claims, dict):
            raise HasuraError(f"claims key: '{namespace}' not found", "jwt-invalid-claims")
        return {name.lower(): value for name, value in claims.items()}


def _from_headers(headers: Mapping[str, str], trusted: bool) -> Session:
    variables = {
        name: value for name, value in headers.items() if name.startswith("x-hasura-") and name not in _NOT_VARIABLES
    }
    wants_backend = headers.get("x-hasura-use-backend-only-permissions", "").lower() == "true"
    return Session(headers.get("x-hasura-role", ADMIN), variables, backend=trusted and wants_backend)
