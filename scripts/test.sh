#!/usr/bin/env bash
# Runs everything a change must pass. Usage: scripts/test.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
export OMP_THREAD_LIMIT=1 PYTHONDONTWRITEBYTECODE=1

echo "== style"
"$bin/ruff" check .
"$bin/ruff" format --check --quiet .
echo "== types"
"$bin/mypy"
echo "== floors"
"$bin/lint-imports" >/dev/null || "$bin/lint-imports"
echo "== tests"
rm -f .coverage .coverage.*
"$bin/pytest" -n "${PARCELFLOW_TEST_PROCESSES:-2}" --dist loadgroup --cov --cov-report= -m "not long" "$@"
echo "== coverage"; "$bin/coverage" report --fail-under="$(cat tests/coverage_gate)" | tail -n 1
