package eligibility

# METADATA
# title: The disk is quiet
# description: Few requests are in flight on the disk that will be written to; a rotating one bears fewer.
# custom: {clears_by: time, remedy: "Let the work that uses the disk come to an end."}
met contains "disk_calm" if {
	input.facts.storage.io_queue_depth <= data.thresholds.io_queue_rotating_depth
}

met contains "disk_calm" if {
	input.facts.storage.rotational == false
	input.facts.storage.io_queue_depth <= data.thresholds.io_queue_solid_depth
}

# No disk of this machine lies below the volume.
met contains "disk_calm" if input.meta["storage.io_queue_depth"].state == "not_applicable"

met contains "disk_calm" if input.control.approved == true

met contains "disk_calm" if overdue == true

# METADATA
# title: The processors are quiet
# description: Other programs use little of the processors' time.
# custom: {clears_by: time, remedy: "Let the work that uses the processors come to an end."}
met contains "cpu_calm" if input.facts.cpu.busy_ratio <= data.thresholds.cpu_busy_ratio

met contains "cpu_calm" if input.control.approved == true

met contains "cpu_calm" if overdue == true

# METADATA
# title: The machine is not too hot
# description: No processor was slowed down by heat lately.
# custom: {clears_by: time, remedy: "Let the machine cool down."}
met contains "not_hot" if input.facts.thermal.throttled == false

# The machine has no such sensor.
met contains "not_hot" if input.meta["thermal.throttled"].state == "not_applicable"
