package eligibility_test

import data.eligibility

test_shutdown_allowed_met if "shutdown_allowed" in met({})

test_shutdown_allowed_unmet if not "shutdown_allowed" in met({"facts": {"inhibitors": {"shutdown": true}}})

test_shutdown_allowed_unknown if not "shutdown_allowed" in met_without(["/facts/inhibitors"], {})

in_window(minute, start, end) if {
	window := object.union(thresholds, {"restart_start_minute_of_day": start, "restart_end_minute_of_day": end})
	"in_window" in eligibility.met with input as object.union(base, {"action": {"kind": "restart"}, "clock": {"minute_of_day": minute}}) with data.thresholds as window
}

test_in_window_met if {
	in_window(120, 120, 300)
	in_window(299, 120, 300)
}

test_in_window_met_across_midnight if {
	in_window(1380, 1380, 300)
	in_window(0, 1380, 300)
	in_window(299, 1380, 300)
}

test_in_window_unmet if {
	not in_window(119, 120, 300)
	not in_window(300, 120, 300)
	not in_window(300, 1380, 300)
	not in_window(1379, 1380, 300)
}

test_in_window_unmet_on_other_days if {
	not "in_window" in met({"action": {"kind": "restart"}, "clock": {"weekday": "Monday"}})
	not "in_window" in met({"action": {"kind": "restart"}, "clock": {"weekday": "Tuesday"}})
}

test_in_window_unmet_when_the_clock_cannot_be_believed if not "in_window" in met({"action": {"kind": "restart"}, "clock": {"trusted": false}})

test_in_window_unknown if {
	every path in ["/clock/minute_of_day", "/clock/weekday", "/clock/trusted", "/clock"] {
		not "in_window" in met_without([path], action("restart"))
	}
}
