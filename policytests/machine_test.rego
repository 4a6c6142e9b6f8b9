package eligibility_test

import data.eligibility

not_applicable(fact) := {"meta": {fact: {"state": "not_applicable"}}}

unknown(fact) := {"meta": {fact: {"state": "unknown"}}}

queue(depth) := {"facts": {"storage": {"io_queue_depth": depth}}}

test_disk_calm_met if "disk_calm" in met(queue(2))

test_disk_calm_met_on_a_rotating_disk if "disk_calm" in met(object.union(constrained, queue(0.5)))

test_disk_calm_met_by_approval if "disk_calm" in met_without(["/facts/storage"], approved)

test_disk_calm_met_without_a_disk if {
	"disk_calm" in met_without(["/facts/storage"], not_applicable("storage.io_queue_depth"))
}

test_disk_calm_unmet if not "disk_calm" in met(queue(2.1))

test_disk_calm_unmet_on_a_rotating_disk if not "disk_calm" in met(object.union(constrained, queue(0.6)))

test_disk_calm_unknown if {
	not "disk_calm" in met_without(["/facts/storage/io_queue_depth"], unknown("storage.io_queue_depth"))
}

test_disk_calm_unknown_disk_bears_as_little_as_a_rotating_one if {
	not "disk_calm" in met_without(["/facts/storage/rotational"], queue(1))
}

test_cpu_calm_met if "cpu_calm" in met({"facts": {"cpu": {"busy_ratio": 0.2}}})

test_cpu_calm_met_by_approval if "cpu_calm" in met_without(["/facts/cpu"], approved)

test_cpu_calm_unmet if not "cpu_calm" in met({"facts": {"cpu": {"busy_ratio": 0.21}}})

test_cpu_calm_unknown if not "cpu_calm" in met_without(["/facts/cpu/busy_ratio"], {})

test_not_hot_met if "not_hot" in met({})

test_not_hot_met_without_a_sensor if "not_hot" in met_without(["/facts/thermal"], not_applicable("thermal.throttled"))

test_not_hot_unmet if not "not_hot" in met({"facts": {"thermal": {"throttled": true}}})

test_not_hot_unknown if not "not_hot" in met_without(["/facts/thermal"], unknown("thermal.throttled"))

test_disk_space_met if "disk_space" in met({"facts": {"storage": {"free_bytes": 11000}}})

test_disk_space_unmet if not "disk_space" in met({"facts": {"storage": {"free_bytes": 10999}}})

test_disk_space_unknown if not "disk_space" in met_without(["/facts/storage/free_bytes"], {})

test_disk_space_unknown_need if not "disk_space" in met_without(["/action/disk_bytes"], {})

test_settled_met if "settled" in met({"facts": {"host": {"uptime_seconds": 600}}})

test_settled_met_by_approval if "settled" in met_without(["/facts/host"], approved)

test_settled_unmet if not "settled" in met({"facts": {"host": {"uptime_seconds": 599}}})

test_settled_unmet_longer_on_a_constrained_machine if {
	not "settled" in met(object.union(constrained, {"facts": {"host": {"uptime_seconds": 1799}}}))
}

test_settled_unknown if not "settled" in met_without(["/facts/host"], {})

test_resumed_met if "resumed" in met({"facts": {"host": {"since_resume_seconds": 60}}})

test_resumed_met_when_it_never_slept if {
	"resumed" in met_without(["/facts/host"], not_applicable("host.since_resume_seconds"))
}

test_resumed_met_by_approval if "resumed" in met_without(["/facts/host"], approved)

test_resumed_unmet if not "resumed" in met({"facts": {"host": {"since_resume_seconds": 59}}})

test_resumed_unknown if not "resumed" in met_without(["/facts/host"], unknown("host.since_resume_seconds"))

test_packages_free_met if "packages_free" in met({})

test_packages_free_met_without_a_package_manager if {
	"packages_free" in met_without(["/facts/packages"], not_applicable("packages.locked"))
}

test_packages_free_unmet if not "packages_free" in met({"facts": {"packages": {"locked": true}}})

test_packages_free_unknown if not "packages_free" in met_without(["/facts/packages"], unknown("packages.locked"))

class(cores, rotational) := c if {
	facts := {"cpu": {"cores": cores}, "storage": {"rotational": rotational}}
	c := eligibility.device_class with input as {"facts": facts} with data.thresholds as thresholds
}

test_device_class if {
	class(3, false) == "standard"
	class(2, false) == "limited"
	class(3, true) == "limited"
	class(2, true) == "constrained"
}

test_device_class_counts_the_unknown_as_the_worse if {
	eligibility.device_class == "constrained" with input as {} with data.thresholds as thresholds
	eligibility.device_class == "limited" with input as {"facts": {"cpu": {"cores": 16}}} with data.thresholds as thresholds
	eligibility.device_class == "limited" with input as {"facts": {"storage": {"rotational": false}}} with data.thresholds as thresholds
}
