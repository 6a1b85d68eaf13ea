#!/usr/bin/env bash
# Part of action.yml: makes the command line of the inputs, runs it, and keeps its exit code. Inputs come as
# environment variables, so that nothing in them is read as shell.
set -euo pipefail

fail() {
    printf '::error::%s\n' "$*"
    echo "exit-code=2" >>"$GITHUB_OUTPUT"
    exit 2
}

case "$COMMAND" in
    conform | load) ;;
    *) fail "command is conform or load, not: $COMMAND" ;;
esac
[[ -z $SCENARIO || $COMMAND == load ]] || fail "scenario is for command: load"
[[ -z $TARGET || -z $PROFILE ]] || fail "target and profile exclude each other"

line=("$COMMAND")
if [[ -n $SCENARIO ]]; then line+=("$SCENARIO"); fi
if [[ -n $TARGET ]]; then line+=(--target "$TARGET"); fi
if [[ -n $PROFILE ]]; then line+=(--profile "$PROFILE"); fi
if [[ -n $BOT ]]; then line+=(--bot "$BOT"); fi

mkdir -p "$REPORT_DIR"
echo "report-dir=$REPORT_DIR" >>"$GITHUB_OUTPUT"
for kind in $REPORTS; do
    extension=$kind
    if [[ $kind == junit ]]; then extension=xml; fi
    line+=(--report "$kind=$REPORT_DIR/$COMMAND.$extension")
done

# xargs reads words and quotes as a shell does, and expands nothing.
if [[ -n ${ARGS//[[:space:]]/} ]]; then
    words=$(xargs printf '%s\n' <<<"$ARGS") || fail "args has a quote without its partner: $ARGS"
    while IFS= read -r word; do line+=("$word"); done <<<"$words"
fi

code=0
"${CLAWCHECK_HOME:+$CLAWCHECK_HOME/bin/}clawcheck" "${line[@]}" || code=$?
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
