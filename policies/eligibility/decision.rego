# METADATA
# title: May this action run now?
# description: >-
#   A rule says when a condition is met; requirements say which conditions an
#   action needs. What is needed and not known to be met is unmet, so a missing
#   fact, a misspelt key or a rule that fails ends in wait or deny, never in run.
package eligibility

# METADATA
# title: The decision
# description: Verdict, unmet conditions and obligations for the action in the input.
# entrypoint: true
decision := {
	"verdict": verdict,
	"denied_by": denied_by,
	"waits_for": waits_for,
	"device_class": device_class,
	"obligations": obligations,
}

denied_by := needed(data.requirements.deny_unless) - met

waits_for := needed(data.requirements.wait_unless) - met

default verdict := "wait"

verdict := "deny" if {
	denied_by != set()
} else := "run" if {
	waits_for == set()
	"known_action" in met # whatever the requirements say: it looks at them, too
}

# What is said of a kind wins over what is said of any. Only an explicit false
# drops a condition: one with a wrong value is needed.
needed(table) := object.keys(said) - {c | said[c] == false} if {
	said := object.union(table.any, object.get(table, input.action.kind, {}))
} else := object.keys(table.any)
