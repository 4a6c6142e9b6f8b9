package eligibility

# METADATA
# title: There is space enough
# description: The volume has room for disk_copies_count times what the action declares, and disk_reserve_bytes.
# custom: {clears_by: user, remedy: "Free some space on the volume."}
met contains "disk_space" if input.facts.storage.free_bytes >= needed_bytes

needed_bytes := (input.action.disk_bytes * data.thresholds.disk_copies_count) + data.thresholds.disk_reserve_bytes
