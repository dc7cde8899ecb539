# Sourced by everything in .ci/ and by the Makefile: where things live outside the checkout.
# In: XDG_CACHE_HOME, CARGO_TARGET_DIR, CHERGUI_PYTHON if set. Out: the same and PATH, exported.

CHERGUI_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/chergui"
export CHERGUI_CACHE
# Outlives the checkout, so a fresh clone on the same machine builds only our own crates.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CHERGUI_CACHE/target}"
export CHERGUI_PYTHON="${CHERGUI_PYTHON:-$CHERGUI_CACHE/venv/bin/python}"
export NPM_CONFIG_UPDATE_NOTIFIER=false
# The tools' Node.js comes first only when setup had to fetch one (see .ci/setup.sh); the virtual environment comes last.
export PATH="$CHERGUI_CACHE/node/bin:$HOME/.cargo/bin:$PATH:$CHERGUI_CACHE/venv/bin"
