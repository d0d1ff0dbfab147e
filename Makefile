.DEFAULT_GOAL := help
.PHONY: help run test test-long demo bench lint pins assets clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1|/' | column -t -s '|'

run:  ## Set up what is missing, start the whole system and feed it the sample parcels
	@scripts/set_up.sh run
	@.venv/bin/parcelflow run --samples

test:  ## Set up what is missing and run everything a change must pass
	@scripts/set_up.sh test
	@scripts/test.sh

test-long:  ## The long random, kill and load runs (about two hours), their figures at the end
	@scripts/set_up.sh test
	@OMP_THREAD_LIMIT=1 PYTHONDONTWRITEBYTECODE=1 .venv/bin/pytest -n 2 --dist loadgroup -m "long" -o timeout=0

demo:  ## Carry generated orders from arrival to archive without a person
	@scripts/set_up.sh run
	@.venv/bin/parcelflow demo

bench:  ## Measure speed and size against their goals
	@scripts/set_up.sh test
	@.venv/bin/python -m bench

lint:  ## Style, types and floors only
	@scripts/set_up.sh test
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

pins:  ## Write requirements*.txt anew from what .venv holds
	@.venv/bin/python scripts/pin.py

assets:  ## Build web/static/dist from web/assets
	@scripts/set_up.sh test
	@.venv/bin/python scripts/build_assets.py

clean:  ## Remove what tests and tools leave behind
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.* htmlcov .hypothesis .import_linter_cache
