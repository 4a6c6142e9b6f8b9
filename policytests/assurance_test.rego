package eligibility_test

asked_later := {"recently_signed", "provenance_known", "root_fresh", "audit_fresh", "artifacts_stated"}

test_assurance_is_met_before_trust_is_asked if {
	m := met_without(["/trust"], unchecked)
	every c in asked_later {
		c in m
	}
}

test_assurance_is_unknown_without_trust if {
	m := met_without(["/trust"], {})
	every c in asked_later {
		not c in m
	}
}

test_recently_signed_met if "recently_signed" in met({"trust": {"time": {"age_seconds": 1000}}})

test_recently_signed_unmet if not "recently_signed" in met({"trust": {"time": {"age_seconds": 1001}}})

test_recently_signed_unknown if not "recently_signed" in met_without(["/trust/time/age_seconds"], {})

test_provenance_known_met if "provenance_known" in met({})

test_provenance_known_unmet if {
	not "provenance_known" in met({"trust": {"attestations": [{"predicate_type": "https://example.com/audit/v1"}]}})
	not "provenance_known" in met({"trust": {"attestations": []}})
}

test_provenance_known_unknown if not "provenance_known" in met_without(["/trust/attestations"], {})

test_root_fresh_met if "root_fresh" in met({"trust": {"root": {"age_seconds": 1000}}})

test_root_fresh_met_by_a_plain_key if "root_fresh" in met_without(["/trust/root"], {"trust": {"signature": {"method": "key"}}})

test_root_fresh_unmet if not "root_fresh" in met({"trust": {"root": {"age_seconds": 1001}}})

test_root_fresh_unknown if not "root_fresh" in met_without(["/trust/root"], {})

test_audit_fresh_met if "audit_fresh" in met({"trust": {"vendor": {"audit_age_seconds": 1000}}})

test_audit_fresh_unmet if not "audit_fresh" in met({"trust": {"vendor": {"audit_age_seconds": 1001}}})

test_audit_fresh_unknown if not "audit_fresh" in met_without(["/trust/vendor/audit_age_seconds"], {})

test_artifacts_stated_met if "artifacts_stated" in met({})

test_artifacts_stated_met_where_there_are_none if "artifacts_stated" in met({"trust": {"artifacts": {"binding": "none"}}})

test_artifacts_stated_unmet if not "artifacts_stated" in met({"trust": {"artifacts": {"binding": "self"}}})

test_artifacts_stated_unknown if not "artifacts_stated" in met_without(["/trust/artifacts"], {})

test_confined_met if "confined" in met({})

test_confined_unmet if not "confined" in met({"sandbox": {"layers": ["mount", "pid", "seccomp", "uid"]}})

test_confined_unknown if not "confined" in met_without(["/sandbox"], {})

test_memory_limited_met if "memory_limited" in met({})

test_memory_limited_unmet if not "memory_limited" in met({"sandbox": {"memory": "weak"}})

test_memory_limited_unknown if not "memory_limited" in met_without(["/sandbox/memory"], {})
