#!/bin/sh
# Lints the OpenAPI documents with the recommended rules of Redocly and Spectral; a warning is a failure. The linters are
# installed apart from the service's own packages, from a lockfile of their own.
set -eu
cd "$(dirname "$0")/lint"
npm ci --ignore-scripts --no-audit --no-fund --silent
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
lint() {
  npx redocly lint --config "$2" "../../../openapi/$1"
  npx spectral lint --ruleset .spectral.yaml --fail-severity warn "../../../openapi/$1"
}
lint openapi.json redocly.yaml
lint openapi-3.0.json redocly-3.0.yaml
