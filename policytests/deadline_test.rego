package eligibility_test

due(seconds) := {"update": {"deadline_in_seconds": seconds}}

# The window is 1000 s, the relief three quarters, so a constrained install
# needs 1200 s of absence outside of it, 750 s halfway, 300 s at the deadline.
needs_idle(deadline, seconds) if {
	at := object.union(constrained, due(deadline))
	"user_away" in met(object.union(at, idle(seconds)))
	not "user_away" in met(object.union(at, idle(seconds - 1)))
}

test_a_deadline_far_away_relaxes_nothing if needs_idle(1000, 1200)

test_halfway_into_the_window_half_of_the_relief_is_given if needs_idle(500, 750)

test_at_the_deadline_all_of_it_is_given if needs_idle(0, 300)

test_past_the_deadline_no_more_is_given if needs_idle(-400, 300)

test_the_least_idle_time_is_kept if {
	change := object.union(due(0), {"action": {"kind": "complete"}, "facts": {"cpu": {"cores": 2}}})
	"user_away" in met(object.union(change, idle(60)))
	not "user_away" in met(object.union(change, idle(59)))
}

test_without_a_deadline_nothing_is_relaxed if {
	not "user_away" in met_without(["/update/deadline_in_seconds"], object.union(constrained, idle(1199)))
}

test_without_a_believable_clock_nothing_is_relaxed if {
	late := object.union(constrained, object.union(due(-5000), idle(0)))
	not "user_away" in met(object.union(late, {"clock": {"trusted": false}}))
	not "user_away" in met_without(["/clock"], late)
}

test_past_the_grace_what_can_be_paused_may_run_beside_the_user if {
	late := object.union(due(-500), {"facts": {
		"presence": {"idle_seconds": 0, "busy": ["call"]},
		"cpu": {"busy_ratio": 1}, "storage": {"io_queue_depth": 9},
	}})
	waits := {"user_away", "not_busy", "cpu_calm", "disk_calm"}
	count(waits - met(late)) == 0
	count(waits - met(object.union(late, {"action": {"pausable": false}}))) == 4
	count(waits - met(object.union(late, action("restart")))) == 4
	count(waits - met(object.union(late, action("prereboot")))) == 4
	count(waits - met(object.union(late, due(-499)))) == 4
}

test_past_the_grace_hard_conditions_stay if {
	m := met(object.union(due(-5000), {
		"control": {"hold": true},
		"facts": {
			"power": {"on_ac": false}, "network": {"online": false, "unmetered": false},
			"storage": {"free_bytes": 0}, "thermal": {"throttled": true}, "packages": {"locked": true},
		},
	}))
	every c in ["not_held", "on_ac", "network_online", "unmetered", "disk_space", "not_hot", "packages_free"] {
		not c in m
	}
}
