package eligibility

# METADATA
# title: What the runner must do while the action runs
# description: |
#   Keep the machine awake for heavy work on AC power only; react to the user's return; bound the time.
obligations := {
	"keep_awake": keep_awake,
	"on_user_return": on_user_return,
	"max_frozen_seconds": data.thresholds.max_frozen_seconds,
	"max_seconds": max_seconds,
	"cpu": "idle",
	"io": "idle",
}

default keep_awake := false

keep_awake if {
	input.action.kind in {"install", "uninstall"}
	input.facts.power.on_ac == true
}

# Work that cannot be paused is left to finish; the runner never kills it for the user's sake.
default on_user_return := "finish"

on_user_return := "throttle" if input.action.kind in {"scan", "download"}

on_user_return := "freeze" if {
	input.action.kind in {"install", "uninstall"}
	input.action.pausable == true
}

on_user_return := "cancel" if input.action.kind in {"prereboot", "restart"}

default max_seconds := 1800

max_seconds := data.thresholds.max_seconds[input.action.kind]
