package eligibility

# METADATA
# title: The machine is on AC power
# description: Heavy work never runs on a battery.
# custom: {clears_by: event, remedy: "Plug the machine in."}
met contains "on_ac" if input.facts.power.on_ac == true

# METADATA
# title: There is power enough
# description: On AC power, or the battery is well above the floor of this kind of action and no power saver is on.
# custom: {clears_by: event, remedy: "Plug the machine in, or charge its battery."}
met contains "power_enough" if input.facts.power.on_ac == true

met contains "power_enough" if {
	input.facts.power.battery_percent >= data.thresholds.battery_percent[input.action.kind]
	input.facts.power.saver == false
}

# METADATA
# title: The disk is calm
# description: |
#   Few requests wait for the disk that will be written to, on average since the last look. lull's own work does not count.
# custom: {clears_by: time, remedy: "Wait for the disk to calm down, or lull approve UPDATER."}
met contains "disk_calm" if input.facts.storage.io_queue_depth <= queue_limit

met contains "disk_calm" if input.control.approved == true

# An unknown disk is taken for a rotating one.
queue_limit := data.thresholds.queue_depth.solid if {
	solid_disk
} else := data.thresholds.queue_depth.rotating

# METADATA
# title: The processor is calm
# description: Little of the processor's time is in use. lull's own work does not count.
# custom: {clears_by: time, remedy: "Wait for the work to end, or lull approve UPDATER."}
met contains "cpu_calm" if input.facts.cpu.busy_ratio <= data.thresholds.busy_ratio

met contains "cpu_calm" if input.control.approved == true

# METADATA
# title: There is room on the disk
# description: |
#   The disk has room for what the action says it needs, several times over because the store keeps a copy, and for a reserve.
# custom: {clears_by: user, remedy: "Free some disk space."}
met contains "disk_space" if {
	input.facts.storage.free_bytes >= (data.thresholds.space_factor * input.action.disk_bytes) + data.thresholds.reserve_bytes
}

# METADATA
# title: The machine has settled
# description: Some minutes have passed since boot, and some time since waking up; logging in comes first.
# custom: {clears_by: time, remedy: "Wait a few minutes."}
met contains "settled" if {
	booted_long_ago
	input.facts.host.since_resume_seconds >= data.thresholds.settle_seconds.resume
}

met contains "settled" if {
	booted_long_ago
	input.meta["host.since_resume_seconds"].state == "not_applicable"
}

booted_long_ago if input.facts.host.uptime_seconds >= data.thresholds.settle_seconds.boot[device_class]

# METADATA
# title: The machine is not too hot
# description: No processor is being slowed down by heat. A machine that cannot tell is taken as cool.
# custom: {clears_by: time, remedy: "Let the machine cool down."}
met contains "not_hot" if input.facts.thermal.throttled == false

met contains "not_hot" if input.meta["thermal.throttled"].state == "not_applicable"

# METADATA
# title: No package manager is at work
# description: dpkg, apt, rpm, pacman and zypper each want the machine to themselves.
# custom: {clears_by: event, remedy: "Wait for the package manager to finish."}
met contains "packages_free" if input.facts.packages.locked == false

met contains "packages_free" if input.meta["packages.locked"].state == "not_applicable"

# METADATA
# title: Nobody forbids shutting down
# description: No program holds a shutdown inhibitor.
# custom: {clears_by: event, remedy: "End the program that lull facts shows as holder."}
met contains "no_shutdown_inhibitor" if input.facts.inhibitors.shutdown == false
