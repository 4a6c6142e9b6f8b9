package eligibility_test

import data.eligibility

obliged(change) := o if {
	o := eligibility.obligations with input as object.union(base, change) with data.thresholds as thresholds
}

test_heavy_work_keeps_the_machine_awake_on_ac_only if {
	obliged({}).keep_awake == true
	obliged(battery(100)).keep_awake == false
	without := json.remove(base, ["/facts/power"])
	eligibility.obligations.keep_awake == false with input as without with data.thresholds as thresholds
	obliged(action("scan")).keep_awake == false
}

test_what_can_be_paused_is_frozen_and_the_rest_finishes if {
	obliged({}).on_user_return == "freeze"
	obliged({"action": {"pausable": false}}).on_user_return == "finish"
	obliged(action("complete")).on_user_return == "finish"
}

test_light_work_is_throttled_and_restarts_are_canceled if {
	obliged(action("scan")).on_user_return == "throttle"
	obliged(action("download")).on_user_return == "throttle"
	obliged(action("prereboot")).on_user_return == "cancel"
	obliged(action("restart")).on_user_return == "cancel"
}

test_what_runs_beside_the_user_is_throttled_not_frozen if {
	obliged(approved).on_user_return == "throttle"
	obliged(due(-500)).on_user_return == "throttle"
}

test_times_come_from_the_thresholds if {
	obliged({}).max_seconds == 1200
	obliged({}).max_frozen_seconds == 600
	obliged(action("restart")).max_seconds == 600
}
