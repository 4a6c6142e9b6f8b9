package eligibility_test

battery(percent) := {"facts": {"power": {"on_ac": false, "battery_percent": percent}}}

test_on_ac_met if "on_ac" in met({})

test_on_ac_met_on_a_full_battery_by_approval if "on_ac" in met(object.union(battery(50), approved))

test_on_ac_unmet if not "on_ac" in met(battery(100))

test_on_ac_unmet_on_a_low_battery_although_approved if not "on_ac" in met(object.union(battery(49), approved))

test_on_ac_unknown if not "on_ac" in met_without(["/facts/power/on_ac"], {})

test_on_ac_unknown_although_approved if not "on_ac" in met_without(["/facts/power"], approved)

test_battery_enough_met_on_ac if "battery_enough" in met_without(["/facts/power/battery_percent"], {})

test_battery_enough_met_on_battery if {
	"battery_enough" in met(object.union(battery(20), action("scan")))
	"battery_enough" in met(object.union(battery(50), action("download")))
}

test_battery_enough_unmet if {
	not "battery_enough" in met(object.union(battery(19), action("scan")))
	not "battery_enough" in met(object.union(battery(49), action("download")))
}

test_battery_enough_unmet_where_no_charge_is_enough if not "battery_enough" in met(battery(100))

test_battery_enough_unknown if not "battery_enough" in met_without(["/facts/power"], action("scan"))

test_saver_off_met if "saver_off" in met(battery(50))

test_saver_off_met_on_ac if "saver_off" in met({"facts": {"power": {"saver": true}}})

test_saver_off_met_by_approval if {
	"saver_off" in met(object.union(approved, {"facts": {"power": {"on_ac": false, "saver": true}}}))
}

test_saver_off_unmet if not "saver_off" in met({"facts": {"power": {"on_ac": false, "saver": true}}})

test_saver_off_unknown if not "saver_off" in met_without(["/facts/power"], {})
