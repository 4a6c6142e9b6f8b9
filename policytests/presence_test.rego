package eligibility_test

idle(seconds) := {"facts": {"presence": {"idle_seconds": seconds}}}

approved := {"control": {"approved": true}}

test_user_away_met if "user_away" in met(idle(300))

test_user_away_unmet if not "user_away" in met(idle(299))

test_user_away_unknown if not "user_away" in met_without(["/facts/presence/idle_seconds"], {})

test_user_away_unknown_kind if not "user_away" in met(action("format"))

test_user_away_needs_longer_on_slower_machines if {
	not "user_away" in met(object.union(constrained, idle(1199)))
	"user_away" in met(object.union(constrained, idle(1200)))
	limited := {"facts": {"cpu": {"cores": 2}}}
	not "user_away" in met(object.union(limited, idle(599)))
	"user_away" in met(object.union(limited, idle(600)))
}

test_user_away_counts_an_unknown_disk_as_the_worse if {
	not "user_away" in met_without(["/facts/storage/rotational"], idle(599))
	not "user_away" in met_without(["/facts/storage/rotational", "/facts/cpu/cores"], idle(1199))
}

test_user_away_met_without_the_fact_where_no_absence_is_needed if {
	"user_away" in met_without(["/facts/presence"], action("scan"))
}

test_user_away_met_sooner_when_locked if {
	locked := {"facts": {"presence": {"locked": true}}}
	"user_away" in met(object.union(locked, idle(120)))
	not "user_away" in met(object.union(locked, idle(119)))
}

test_user_away_unmet_for_a_restart_although_locked if {
	not "user_away" in met({"action": {"kind": "restart"}, "facts": {"presence": {"locked": true, "idle_seconds": 899}}})
}

test_user_away_met_by_approval if "user_away" in met_without(["/facts/presence"], approved)

held(seconds, system_idle) := {"facts": {"presence": {
	"idle_seconds": 1, "agent_held_seconds": seconds,
	"system_idle_seconds": system_idle,
}}}

test_user_away_met_when_an_agent_holds_too_long if {
	"user_away" in met(held(259200, 300))
	"user_away" in met_without(["/facts/presence/idle_seconds"], {"facts": {"presence": {
		"agent_held_seconds": 259200,
		"system_idle_seconds": 300,
	}}})
}

test_user_away_unmet_while_an_agent_holds if not "user_away" in met(held(259199, 90000))

test_user_away_unmet_when_somebody_is_at_the_machine if not "user_away" in met(held(259200, 299))

test_user_away_unmet_for_a_restart_although_held if {
	not "user_away" in met(object.union(held(259200, 90000), action("restart")))
}

test_user_away_unknown_hold if {
	not "user_away" in met({"facts": {"presence": {"idle_seconds": 1, "system_idle_seconds": 90000}}})
	not "user_away" in met({"facts": {"presence": {"idle_seconds": 1, "agent_held_seconds": 259200}}})
}

test_not_busy_unknown_age if {
	not "not_busy" in met_without(["/facts/presence/busy_seconds"], {"facts": {"presence": {
		"busy": ["display_inhibited"],
		"idle_seconds": 43200,
	}}})
}

test_not_busy_met if "not_busy" in met({})

test_not_busy_met_by_approval if "not_busy" in met_without(["/facts/presence"], approved)

test_not_busy_met_when_it_was_forgotten if {
	"not_busy" in met({"facts": {"presence": {"busy": ["display_inhibited"], "busy_seconds": 43200, "idle_seconds": 43200}}})
}

test_not_busy_met_when_it_was_forgotten_whoever_types_meanwhile if {
	"not_busy" in met({"facts": {"presence": {"busy": ["game"], "busy_seconds": 43200, "idle_seconds": 0}}})
}

busy_elsewhere(seconds) := {"facts": {"presence": {"busy": ["game"], "busy_seconds": 600, "idle_seconds": 0, "agent_busy_seconds": seconds}}}

test_not_busy_met_when_agents_alone_say_so_for_too_long if {
	"not_busy" in met(busy_elsewhere(259200))
	"not_busy" in met_without(["/facts/presence/busy", "/facts/presence/busy_seconds"], busy_elsewhere(259200))
}

test_not_busy_unmet_while_agents_say_otherwise if not "not_busy" in met(busy_elsewhere(259199))

test_not_busy_unmet_for_a_restart_whatever_agents_say if {
	not "not_busy" in met(object.union(busy_elsewhere(900000), action("restart")))
}

test_not_busy_unmet if not "not_busy" in met({"facts": {"presence": {"busy": ["call"]}}})

test_not_busy_unmet_before_it_is_forgotten if {
	not "not_busy" in met({"facts": {"presence": {"busy": ["game"], "busy_seconds": 43199, "idle_seconds": 90000}}})
}

test_not_busy_unknown if not "not_busy" in met_without(["/facts/presence/busy"], {})

test_no_remote_sessions_met if "no_remote_sessions" in met({})

test_no_remote_sessions_unmet if not "no_remote_sessions" in met({"facts": {"presence": {"remote_sessions": 1}}})

test_no_remote_sessions_unknown if not "no_remote_sessions" in met_without(["/facts/presence/remote_sessions"], {})
