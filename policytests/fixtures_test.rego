# What every test starts from: an install that may run, and thresholds of the
# tests' own, so that an administrator's edit breaks none of them.
package eligibility_test

import data.eligibility

thresholds := {
	"few_cores_count": 2,
	"idle_seconds": {
		"scan": {"standard": 0, "limited": 0, "constrained": 60},
		"download": {"standard": 0, "limited": 60, "constrained": 300},
		"install": {"standard": 300, "limited": 600, "constrained": 1200},
		"uninstall": {"standard": 300, "limited": 600, "constrained": 1200},
		"prereboot": {"standard": 300, "limited": 600, "constrained": 1200},
		"restart": {"standard": 900, "limited": 1800, "constrained": 1800},
		"complete": {"standard": 0, "limited": 60, "constrained": 300},
	},
	"idle_when_locked_seconds": 120,
	"busy_forgotten_seconds": 43200,
	"agent_hold_seconds": 259200,
	"battery_percent": {"scan": 20, "download": 50, "complete": 20},
	"battery_approved_percent": 50,
	"io_queue_rotating_depth": 0.5,
	"io_queue_solid_depth": 2,
	"cpu_busy_ratio": 0.2,
	"disk_copies_count": 2,
	"disk_reserve_bytes": 1000,
	"after_boot_seconds": {"standard": 600, "limited": 600, "constrained": 1800},
	"after_resume_seconds": 60,
	"deadline_window_seconds": 1000,
	"deadline_relief_ratio": 0.75,
	"deadline_least_idle_seconds": 60,
	"restart_start_minute_of_day": 120,
	"restart_end_minute_of_day": 300,
	"restart_weekdays": {"Saturday": true, "Sunday": true, "Monday": false},
	"max_frozen_seconds": 600,
	"max_run_seconds": {"scan": 600, "install": 1200},
	"signature_age_seconds": 1000,
	"root_age_seconds": 1000,
	"audit_age_seconds": 1000,
}

requirements := {
	"deny_unless": {"any": {"known_action": true, "trusted": true}},
	"wait_unless": {"any": {"retry": true}, "install": {"user_away": true, "on_ac": true}, "scan": {"on_ac": false}},
}

# A standard machine: enough cores, a disk that does not rotate.
base := {
	"action": {
		"kind": "install", "updater": "com.example.reader", "update": "reader-12.4", "pausable": true,
		"exclusive": false, "requires_network": true, "disk_bytes": 5000, "estimated_seconds": 240,
	},
	"update": {
		"component": "user_mode_app", "version": "12.4.0", "security": false, "size_bytes": 5000,
		"deadline_in_seconds": 100000, "grace_seconds": 500, "waited_seconds": 3600, "restart": "none",
	},
	"updater": {"id": "com.example.reader", "vendor": "example", "priority": 100, "failures": 0},
	"trust": {
		"checked": true, "verified": true, "error_code": "",
		"vendor": {"id": "example", "audit_age_seconds": 10},
		"package": {"id": "com.example.reader", "version": "1.0.0", "digest": "d", "component": "user_mode_app"},
		"artifacts": {"binding": "statement"},
		"signature": {"method": "keyless"},
		"time": {"source": "tlog", "age_seconds": 10},
		"root": {"name": "public-good", "age_seconds": 10},
		"attestations": [{"predicate_type": "https://slsa.dev/provenance/v1", "subject": "p", "signer": {"id": "release", "method": "key"}}],
	},
	"sandbox": {"layers": ["mount", "pid", "landlock", "seccomp", "uid"], "memory": "enforced"},
	"control": {"hold": false, "approved": false, "approved_metered": false, "retry_in_seconds": 0},
	"running": [],
	"facts": {
		"presence": {"idle_seconds": 400, "locked": false, "busy": [], "busy_seconds": 0, "remote_sessions": 0},
		"power": {"on_ac": true, "battery_percent": 80, "saver": false},
		"cpu": {"cores": 8, "busy_ratio": 0.1},
		"storage": {"rotational": false, "io_queue_depth": 0.2, "free_bytes": 50000},
		"network": {"online": true, "unmetered": true},
		"thermal": {"throttled": false},
		"host": {"uptime_seconds": 5000, "since_resume_seconds": 3000},
		"packages": {"locked": false},
		"inhibitors": {"shutdown": false},
	},
	"meta": {},
	"clock": {"unix_seconds": 1700000000, "weekday": "Sunday", "minute_of_day": 180, "timezone": "UTC", "trusted": true},
}

# The conditions met once base is changed, member by member (lists replace).
met(change) := m if {
	m := eligibility.met with input as object.union(base, change) with data.thresholds as thresholds
}

# The same, with some of base taken away: what is not known.
met_without(paths, change) := m if {
	m := eligibility.met with input as object.union(json.remove(base, paths), change) with data.thresholds as thresholds
}

action(kind) := {"action": {"kind": kind}}

unchecked := {"trust": {"checked": false, "verified": false}}

constrained := {"facts": {"cpu": {"cores": 2}, "storage": {"rotational": true}}}
