package eligibility

# METADATA
# title: Class of the machine
# description: |
#   constrained: at most two processor cores and a rotating disk; limited: one of the two; standard: neither.
#   What is unknown counts as the worse, because the slowest machines have most to lose.
device_class := "standard" if {
	many_cores
	solid_disk
} else := "limited" if {
	many_cores
} else := "limited" if {
	solid_disk
} else := "constrained"

many_cores if input.facts.cpu.cores > data.thresholds.few_cores_count

solid_disk if input.facts.storage.rotational == false
