# What the runner must do while the action runs.
package eligibility

# METADATA
# title: Obligations
# description: What the runner must do while the action runs.
obligations := {
	"keep_awake": keep_awake,
	"on_user_return": on_user_return,
	"max_frozen_seconds": data.thresholds.max_frozen_seconds,
	"max_seconds": max_seconds,
	"cpu": "idle",
	"io": "idle",
}

default keep_awake := false

# Awake only on AC power, and only for work worth it.
keep_awake if {
	input.facts.power.on_ac == true
	input.action.kind in {"download", "install", "uninstall", "prereboot", "complete"}
}

default on_user_return := "finish"

on_user_return := "throttle" if input.action.kind in {"scan", "download"}

on_user_return := "cancel" if input.action.kind in {"prereboot", "restart"}

on_user_return := pause if {
	input.action.pausable == true
	input.action.kind in {"install", "uninstall"}
}

# What may run beside the user is not frozen when the user is seen.
pause := "throttle" if {
	input.control.approved == true
} else := "throttle" if {
	overdue == true
} else := "freeze"

default max_seconds := 600

max_seconds := data.thresholds.max_run_seconds[input.action.kind]
