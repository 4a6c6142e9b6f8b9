# METADATA
# title: May this action run now?
# description: |
#   Rules say when a condition is met; requirements say which conditions an action needs. What is required
#   and not known to be met is unmet, so an unknown fact, a failed rule or an unknown kind of action never runs.
# scope: package
package eligibility

# METADATA
# title: The decision
# description: The one document that lull reads. Its shape is fixed.
# entrypoint: true
decision := {
	"verdict": verdict,
	"denied_by": denied_by,
	"waits_for": waits_for,
	"device_class": device_class,
	"obligations": obligations,
}

default verdict := "wait"

verdict := "deny" if count(denied_by) > 0

verdict := "run" if {
	count(denied_by) == 0
	count(waits_for) == 0
}

# What is required and unmet, where waiting cannot help.
denied_by := must_hold - met

# What is required and unmet, where time or an event can help.
waits_for := should_hold - met

must_hold contains condition if data.requirements.deny_unless.any[condition] == true

must_hold contains condition if data.requirements.deny_unless[input.action.kind][condition] == true

should_hold contains condition if data.requirements.wait_unless.any[condition] == true

should_hold contains condition if data.requirements.wait_unless[input.action.kind][condition] == true
