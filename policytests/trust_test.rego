package eligibility_test

test_trusted_met_when_verified if "trusted" in met({})

test_trusted_met_before_trust_is_asked if "trusted" in met(unchecked)

test_trusted_met_while_only_the_clock_is_in_doubt if {
	"trusted" in met({"trust": {"verified": false, "error_code": "clock_implausible"}})
}

test_trusted_unmet if not "trusted" in met({"trust": {"verified": false, "error_code": "revoked"}})

test_trusted_unknown if not "trusted" in met_without(["/trust"], {})

test_trusted_unknown_without_the_answer if not "trusted" in met_without(["/trust/verified"], {})

test_trusted_unknown_without_the_question if not "trusted" in met_without(["/trust/checked"], {})

test_clock_plausible_met if "clock_plausible" in met({})

test_clock_plausible_met_before_trust_is_asked if "clock_plausible" in met(unchecked)

test_clock_plausible_unmet if {
	not "clock_plausible" in met({"trust": {"verified": false, "error_code": "clock_implausible"}})
}

test_clock_plausible_unknown if not "clock_plausible" in met_without(["/trust"], {})

test_user_mode_met if "user_mode" in met({})

test_user_mode_met_by_system_packages_in_scope if "user_mode" in met({"update": {"component": "system_packages"}})

test_user_mode_met_by_system_packages_before_trust_is_asked if {
	"user_mode" in met(object.union(unchecked, {"update": {"component": "system_packages"}}))
}

test_user_mode_met_by_scan if "user_mode" in met_without(["/update"], action("scan"))

test_user_mode_met_by_scan_before_trust_is_asked if {
	"user_mode" in met_without(["/update", "/trust"], object.union(unchecked, action("scan")))
}

test_user_mode_unmet if {
	every component in ["driver", "firmware", "bios", ""] {
		not "user_mode" in met({"update": {"component": component}})
		not "user_mode" in met(object.union(unchecked, {"update": {"component": component}}))
	}
}

test_user_mode_unmet_by_system_packages_out_of_scope if {
	not "user_mode" in met({"update": {"component": "system_packages"}, "trust": {"verified": false}})
}

test_user_mode_unmet_by_scan_of_a_driver if {
	not "user_mode" in met_without(["/update"], {"action": {"kind": "scan"}, "trust": {"package": {"component": "driver"}}})
}

test_user_mode_unknown if not "user_mode" in met_without(["/update/component"], {})

test_user_mode_unknown_for_a_scan if not "user_mode" in met_without(["/update", "/trust/package"], action("scan"))
