package eligibility_test

offline := {"action": {"requires_network": false}}

test_network_online_met if "network_online" in met({})

test_network_online_met_where_none_is_needed if "network_online" in met_without(["/facts/network"], offline)

test_network_online_unmet if not "network_online" in met({"facts": {"network": {"online": false}}})

test_network_online_unknown if not "network_online" in met_without(["/facts/network"], {})

test_network_online_unknown_need if {
	not "network_online" in met_without(["/action/requires_network"], {"facts": {"network": {"online": false}}})
}

test_unmetered_met if "unmetered" in met({})

test_unmetered_met_where_none_is_needed if "unmetered" in met_without(["/facts/network"], offline)

test_unmetered_met_by_approval if {
	"unmetered" in met({"control": {"approved_metered": true}, "facts": {"network": {"unmetered": false}}})
}

test_unmetered_unmet if not "unmetered" in met({"facts": {"network": {"unmetered": false}}})

test_unmetered_unmet_by_approval_of_the_update_alone if {
	not "unmetered" in met(object.union(approved, {"facts": {"network": {"unmetered": false}}}))
}

test_unmetered_unknown if not "unmetered" in met_without(["/facts/network"], {})
