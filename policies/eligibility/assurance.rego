# Conditions about trust that no action needs by default. An administrator
# who wants one names it in the requirements.
package eligibility

# METADATA
# title: The signature is recent
# description: The package or update was signed not longer ago than signature_age_seconds.
# custom: {clears_by: vendor, remedy: "Ask the vendor for a newly signed package."}
met contains "recently_signed" if input.trust.checked == false

met contains "recently_signed" if input.trust.time.age_seconds <= data.thresholds.signature_age_seconds

# METADATA
# title: A signed statement says how it was built
# description: The package comes with a verified SLSA provenance attestation.
# custom: {clears_by: vendor, remedy: "Ask the vendor to attach a provenance attestation."}
met contains "provenance_known" if input.trust.checked == false

met contains "provenance_known" if {
	some attestation in input.trust.attestations
	attestation.predicate_type in {"https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"}
}

# METADATA
# title: The trusted root is fresh
# description: The sigstore root that the signature was checked against is not older than root_age_seconds.
# custom: {clears_by: admin, remedy: "lull trust refresh"}
met contains "root_fresh" if input.trust.checked == false

met contains "root_fresh" if input.trust.root.age_seconds <= data.thresholds.root_age_seconds

# A plain key needs no root.
met contains "root_fresh" if {
	input.trust.signature.method == "key"
	verified == true
}

# METADATA
# title: The vendor's audit is fresh
# description: The audit named in the vendor file is not older than audit_age_seconds.
# custom: {clears_by: admin, remedy: "Have the vendor audited, and date it in the vendor file."}
met contains "audit_fresh" if input.trust.checked == false

met contains "audit_fresh" if input.trust.vendor.audit_age_seconds <= data.thresholds.audit_age_seconds

# METADATA
# title: A signed document names the files
# description: What will be installed is named, with digests, by a document the vendor signed.
# custom: {clears_by: vendor, remedy: "Ask the vendor for signed update documents."}
met contains "artifacts_stated" if input.trust.checked == false

met contains "artifacts_stated" if input.trust.artifacts.binding in {"statement", "none"}

# METADATA
# title: The machine can confine it fully
# description: All layers of confinement (mount, pid, landlock, seccomp, uid) can be enforced here.
# custom: {clears_by: admin, remedy: "Run lull as the system service, on a kernel with these layers; see: lull doctor"}
met contains "confined" if all_layers == true

all_layers if {
	"mount" in input.sandbox.layers
	"pid" in input.sandbox.layers
	"landlock" in input.sandbox.layers
	"seccomp" in input.sandbox.layers
	"uid" in input.sandbox.layers
}

# METADATA
# title: Its memory can be limited
# description: A memory limit is enforced by the kernel, not only watched.
# custom: {clears_by: admin, remedy: "Run lull as the system service with cgroup delegation; see: lull doctor"}
met contains "memory_limited" if input.sandbox.memory == "enforced"
