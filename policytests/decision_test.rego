package eligibility_test

import data.eligibility

decide(document) := d if {
	d := eligibility.decision with input as document
		with data.thresholds as thresholds
		with data.requirements as requirements
}

test_an_action_whose_needs_are_met_runs if {
	d := decide(base)
	d.verdict == "run"
	d.denied_by == set()
	d.waits_for == set()
	d.device_class == "standard"
}

test_an_unmet_need_waits_and_is_named if {
	d := decide(object.union(base, {"facts": {"power": {"on_ac": false}, "presence": {"idle_seconds": 0}}}))
	d.verdict == "wait"
	d.waits_for == {"on_ac", "user_away"}
	d.denied_by == set()
}

test_denying_comes_before_waiting if {
	d := decide(object.union(base, {"trust": {"verified": false}, "facts": {"power": {"on_ac": false}}}))
	d.verdict == "deny"
	d.denied_by == {"trusted"}
	d.waits_for == {"on_ac"}
}

test_a_kind_nobody_listed_is_denied if {
	d := decide(object.union(base, action("complete")))
	d.verdict == "deny"
	d.denied_by == {"known_action"}
}

test_nothing_at_all_is_denied if decide({}).verdict == "deny"

test_false_drops_a_requirement if {
	scan := object.union(base, {"action": {"kind": "scan"}, "facts": {"power": {"on_ac": false}}})
	decide(scan).verdict == "run"
}

test_a_requirement_with_a_wrong_value_stands if {
	every value in [null, "", "false", 0, [], {}] {
		needs := object.union(requirements, {"wait_unless": {"install": {"on_ac": value}}})
		d := eligibility.decision with input as object.union(base, {"facts": {"power": {"on_ac": false}}})
			with data.thresholds as thresholds
			with data.requirements as needs
		d.verdict == "wait"
	}
}

test_a_requirement_no_rule_defines_is_never_met if {
	needs := object.union(requirements, {"wait_unless": {"install": {"moon_is_full": true}}})
	d := eligibility.decision with input as base with data.thresholds as thresholds with data.requirements as needs
	d.waits_for == {"moon_is_full"}
	d.verdict == "wait"
}

test_without_requirements_nothing_runs if {
	every needs in [{}, {"deny_unless": {}, "wait_unless": {}}, {"wait_unless": requirements.wait_unless}, {"deny_unless": requirements.deny_unless}] {
		not runs_with(needs)
	}
}

runs_with(needs) if {
	d := eligibility.decision with input as base with data.thresholds as thresholds with data.requirements as needs
	d.verdict == "run"
}
