package eligibility

# Conditions on how something is vouched for. None of them can let run what lull itself refused; an administrator
# requires them where the vendors at hand allow it. Only trusted is required as shipped.

# METADATA
# title: It was signed not long ago
# description: An old signature may hide that updates have stopped arriving.
# custom: {clears_by: vendor, remedy: "Ask the vendor for a freshly signed package."}
met contains "recently_signed" if input.trust.checked == false

met contains "recently_signed" if input.trust.time.age_seconds <= data.thresholds.signed_seconds

# METADATA
# title: Its provenance is known
# description: A verified SLSA provenance attestation says how it was built.
# custom: {clears_by: vendor, remedy: "Ask the vendor for a package with SLSA provenance."}
met contains "provenance_known" if input.trust.checked == false

met contains "provenance_known" if {
	some attestation in input.trust.attestations
	attestation.predicate_type == "https://slsa.dev/provenance/v1"
}

# METADATA
# title: The trusted root is fresh
# description: The sigstore trusted root behind a keyless signature was refreshed not long ago. Keys need none.
# custom: {clears_by: admin, remedy: "lull trust refresh"}
met contains "root_fresh" if input.trust.checked == false

met contains "root_fresh" if input.trust.root.age_seconds <= data.thresholds.root_seconds

met contains "root_fresh" if input.trust.signature.method == "key"

# METADATA
# title: Its artifacts are stated
# description: A signed update document, not the updater itself, vouches for what is installed.
# custom: {clears_by: vendor, remedy: "Ask the vendor for signed update documents."}
met contains "artifacts_stated" if input.trust.checked == false

met contains "artifacts_stated" if input.trust.artifacts.binding in {"statement", "none"}

# METADATA
# title: It runs confined
# description: The sandbox of this machine has the layers that keep an updater in its place.
# custom: {clears_by: admin, remedy: "Run lull as the system service on a kernel with Landlock and seccomp."}
met contains "confined" if {
	every layer in {"landlock", "seccomp"} {
		layer in input.sandbox.layers
	}
}
