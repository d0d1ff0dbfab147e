#!/usr/bin/env bash
# Sets up what is missing and nothing else: Debian packages and the virtual environment in .venv. Safe to run again.
# Usage: scripts/set_up.sh run|test
set -euo pipefail
cd "$(dirname "$0")/.."
purpose="${1:-run}"

packages=(python3-venv tesseract-ocr tesseract-ocr-eng tesseract-ocr-deu tesseract-ocr-osd libzbar0 libreoffice-writer-nogui fonts-dejavu-core fonts-liberation ca-certificates)
if [ "$purpose" = test ]; then
    packages+=(postgresql dovecot-imapd chromium libatomic1 swaks poppler-utils git)
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo); else
        echo "Parcelflow needs these Debian packages: ${missing[*]}. Have an administrator run: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 3
    fi
    echo "Installing Debian packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    # The servers are only used by tests, which start their own on loopback: nothing is to start by itself.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

wanted=requirements.txt
[ "$purpose" = test ] && wanted=requirements-dev.txt
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Parcelflow needs Python 3.11 or newer; $python is $("$python" --version). Set PYTHON to a newer one." >&2
    exit 3
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
stamp=".venv/set-up-$purpose"
state=$(cat requirements.txt "$wanted" pyproject.toml scripts/set_up.sh | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$state" ]; then
    echo "Installing Python packages into .venv (the first time takes a minute or two)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$wanted"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    echo "$state" > "$stamp"
fi
