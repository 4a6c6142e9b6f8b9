package eligibility_test

import data.eligibility

test_known_action_met if {
	every kind in ["scan", "download", "install", "uninstall", "prereboot", "restart", "complete"] {
		needs := {"deny_unless": {"any": {"known_action": true}}, "wait_unless": {"any": {}, kind: {}}}
		"known_action" in eligibility.met with input as {"action": {"kind": kind}} with data.requirements as needs
	}
}

test_known_action_unmet_for_another_kind if not "known_action" in met(action("format"))

test_known_action_unmet_when_no_requirement_names_it if {
	not "known_action" in eligibility.met with input as base with data.requirements as {"wait_unless": {"any": {}}}
}

test_known_action_unmet_for_the_name_of_all_kinds if not "known_action" in met(action("any"))

test_known_action_unknown if not "known_action" in met_without(["/action/kind"], {})

test_not_held_met if "not_held" in met({})

test_not_held_unmet if not "not_held" in met({"control": {"hold": true}})

test_not_held_unknown if not "not_held" in met_without(["/control/hold"], {})

test_retry_met if "retry" in met({})

test_retry_unmet if not "retry" in met({"control": {"retry_in_seconds": 1}})

test_retry_unknown if not "retry" in met_without(["/control/retry_in_seconds"], {})

test_exclusive_met_when_nothing_runs if "exclusive" in met({"action": {"exclusive": true}})

test_exclusive_met_beside_others if "exclusive" in met({"running": [{"updater": "a", "kind": "install", "exclusive": false}]})

test_exclusive_unmet_beside_an_exclusive_one if {
	not "exclusive" in met({"running": [
		{"updater": "a", "kind": "install", "exclusive": false},
		{"updater": "b", "kind": "install", "exclusive": true},
	]})
}

test_exclusive_unmet_when_it_wants_to_be_alone if {
	not "exclusive" in met({"action": {"exclusive": true}, "running": [{"updater": "a", "kind": "scan", "exclusive": false}]})
}

test_exclusive_unknown_without_the_list if not "exclusive" in met_without(["/running"], {})

test_exclusive_unknown_without_a_flag_in_the_list if {
	not "exclusive" in met({"running": [{"updater": "a", "kind": "scan"}, {"updater": "b", "kind": "scan", "exclusive": false}]})
}

test_turn_met_beside_light_work if "turn" in met({"running": [{"updater": "a", "kind": "download", "exclusive": false}]})

test_turn_unmet_beside_heavy_work if {
	not "turn" in met({"running": [{"updater": "a", "kind": "scan"}, {"updater": "b", "kind": "uninstall"}]})
}

test_turn_unknown if not "turn" in met_without(["/running"], {})

test_turn_unknown_without_a_kind_in_the_list if not "turn" in met({"running": [{"updater": "a"}]})

test_nothing_running_met if "nothing_running" in met({})

test_nothing_running_unmet if not "nothing_running" in met({"running": [{"updater": "a", "kind": "scan", "exclusive": false}]})

test_nothing_running_unknown if not "nothing_running" in met_without(["/running"], {})
