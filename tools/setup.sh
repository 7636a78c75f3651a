#!/bin/sh
# Finds a Python that can make the virtual environment and hands over to tools/setup.py. Every make target comes through here;
# when .venv is ready this costs a tenth of a second. PYTHON=/path/to/python3.12 chooses one.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ -n "${PYTHON:-}" ]; then
    case "$PYTHON" in "~/"*) PYTHON="$HOME/${PYTHON#"~/"}" ;; esac # zsh leaves the ~ of PYTHON=~/python as it is
    set -- "$PYTHON"
else
    set -- .venv/bin/python .venv/Scripts/python.exe python3 python3.13 python3.12 python3.11 python
fi

# -S skips site-packages, which the question does not need: this is asked at every make.
question='import sys; sys.stdout.write("%d.%d" % sys.version_info[:2]); import ensurepip, venv'
seen=""
without_venv=""
for candidate in "$@"; do
    version=$("$candidate" -S -c "$question" 2>/dev/null) && complete=yes || complete=no
    case "$version" in
    "") ;;
    3.11 | 3.12 | 3.13)
        [ $complete = yes ] && exec "$candidate" -u tools/setup.py
        without_venv="$version"
        ;;
    *) seen="$seen${seen:+, }$version at $candidate" ;;
    esac
done

if [ -n "$without_venv" ]; then
    echo "Python $without_venv is here without its venv module; on Debian or Ubuntu install it with: sudo apt install python$without_venv-venv" >&2
else
    echo "Python 3.11, 3.12 or 3.13 is needed, found ${seen:-none of: $*}. Install one (Debian or Ubuntu: sudo apt install python3 python3-venv; elsewhere: python.org) or name yours: make PYTHON=/path/to/python3.12" >&2
fi
exit 3
