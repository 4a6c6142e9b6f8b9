package trust

// FactsSchema is the JSON Schema (draft-07) of input.trust, closed everywhere
// but in the predicates of attestations, which are their authors' own. Its
// sections may be empty or absent, for trust tells what it found also where
// something does not hold; a policy that reads what is not there is not met.
func FactsSchema() map[string]any {
	return object(map[string]any{
		"checked":    boolean("trust was asked; false in the first of the two decisions"),
		"verified":   boolean("everything holds: signature, scope, floors, times, stored bytes"),
		"error_code": text("stable code of what does not hold; empty when verified or not checked"),
		"error":      text("the same for people"),
		"vendor": object(map[string]any{
			"id": text("name of the vendor file"), "display_name": text("for people"), "enabled": boolean(""),
			"expires_in_seconds": integer("until the vendor file ends; negative when past"),
			"audit_age_seconds":  integer("since the audit that the vendor file states; absent without one"),
			"attested_by":        text("who audited the vendor; absent when nobody"),
			"honor_deadlines":    boolean("the administrator lets this vendor's deadlines count"),
			"artifacts":          enum("what states the artifacts in this scope", BindingStatement, BindingSelf),
			"generation":         text("digest of all vendor files in force"),
		}),
		"package": object(map[string]any{
			"id": text(""), "version": text("SemVer"), "digest": text("sha256 of the manifest"), "component": text(""), "platform": text(""),
			"age_seconds": integer("since it was created"), "expires_in_seconds": integer("negative when past"),
			"files": integer("in the payload"), "size_bytes": integer("of the payload"),
		}),
		"update": object(map[string]any{
			"id": text(""), "version": text("SemVer"), "digest": text("sha256 of the update document"), "line": text("product line of its floor"),
			"age_seconds": integer("since it was created"), "expires_in_seconds": integer("negative when past"),
		}),
		"artifacts": object(map[string]any{
			"binding": enum("what vouches for the artifacts: a signed statement, the updater itself, or none needed", BindingStatement, BindingSelf, BindingNone),
			"digest":  text("of the stored set"), "files": integer(""), "size_bytes": integer(""),
		}),
		"signature":    signatureSchema(),
		"time":         timeSchema(),
		"rollback":     rollbackSchema(),
		"root":         object(map[string]any{"name": text("in roots.d"), "age_seconds": integer("since it was refreshed")}),
		"attestations": map[string]any{"type": "array", "items": attestationSchema()},
	}, "checked", "verified")
}

func signatureSchema() map[string]any {
	return object(map[string]any{
		"method":    enum("", "key", "keyless"),
		"tlog":      boolean("a transparency log entry was demanded and verified"),
		"sct":       boolean("a certificate timestamp was demanded and verified"),
		"timestamp": boolean("a third party confirmed the time of the signature"),
		"root":      text("trusted root that was used; absent for a key without one"),
		"key": object(map[string]any{
			"id": text("in the vendor file"), "type": text("ecdsa-p256, rsa-3072 and so on"), "spki_sha256": text("fingerprint"),
			"expires_in_seconds": integer("until the end of its window; absent without one"),
		}),
		"identity": object(map[string]any{
			"id": text("in the vendor file"), "issuer": text(""), "san": text("subject of the certificate"),
			"extensions": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}, "description": "Fulcio extensions by name"},
		}),
	})
}

func timeSchema() map[string]any {
	return object(map[string]any{
		"source":              enum("whose word the time of the signature is", "tlog", "tsa", "document"),
		"signed_unix_seconds": integer(""), "age_seconds": integer("since the package was signed"),
		"clock_trusted": boolean("the clock can be right"),
	})
}

func rollbackSchema() map[string]any {
	return object(map[string]any{
		"floor": text("lowest version still accepted; empty when first seen"), "is_downgrade": boolean(""), "first_seen": boolean(""),
	})
}

func attestationSchema() map[string]any {
	return object(map[string]any{
		"predicate_type": text(""), "subject": text("file of the package that it is about"),
		"signer": object(map[string]any{
			"id": text("in the vendor file"), "method": enum("", "key", "keyless"), "issuer": text(""), "san": text(""),
		}),
		"predicate": map[string]any{"description": "what is attested, as its author wrote it"},
	})
}

func object(properties map[string]any, required ...any) map[string]any {
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func described(kind, help string) map[string]any {
	out := map[string]any{"type": kind}
	if help != "" {
		out["description"] = help
	}
	return out
}

func boolean(help string) map[string]any { return described("boolean", help) }
func integer(help string) map[string]any { return described("integer", help) }
func text(help string) map[string]any    { return described("string", help) }

func enum(help string, values ...string) map[string]any {
	out := described("string", help)
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	out["enum"] = list
	return out
}
