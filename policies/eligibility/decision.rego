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

denied_by := denies_without - known

waits_for := waits_without - known

# All that is met, asked for once: OPA looks through the index of the rules of
# met at each mention of it, also where their outcome is known already.
known := met

# Rules of their own, because they hang on nothing but data and the kind: lull
# works them out once for all decisions on an action.
denies_without := needed(data.requirements.deny_unless)

waits_without := needed(data.requirements.wait_unless)

default verdict := "wait"

verdict := "deny" if {
	denied_by != set()
} else := "run" if {
	waits_for == set()
	"known_action" in known # whatever the requirements say: it looks at them, too
}

# What is said of a kind wins over what is said of any. Only an explicit false
# drops a condition: one with a wrong value is needed.
needed(table) := object.keys(said) - {c | said[c] == false} if {
	said := object.union(table.any, object.get(table, input.action.kind, {}))
} else := object.keys(table.any)
