package trust

import "time"

// Vendor is one vendor file: who may sign, and what for.
type Vendor struct {
	APIVersion     string     `json:"apiVersion"` // "lull/v1"
	Name           string     `json:"vendor"`     // equals the file's name without .yaml
	DisplayName    string     `json:"display_name,omitempty"`
	Enabled        bool       `json:"enabled"`
	Keys           []Key      `json:"keys,omitempty"`
	Identities     []Identity `json:"identities,omitempty"`
	Scopes         []Scope    `json:"scopes"`
	DenyDigests    []string   `json:"deny_digests,omitempty"`    // sha256 of manifests, documents, files or artifacts
	PredicateTypes []string   `json:"predicate_types,omitempty"` // attestations that are read; default SLSA provenance v1
	Audit          Audit      `json:"audit,omitzero"`
	Expires        time.Time  `json:"expires"`

	File string `json:"-"` // the vendor file this was read from
}

// Key is a public key of a vendor. ECDSA (P-256, P-384, P-521) and RSA of at
// least 2048 bits are accepted.
type Key struct {
	ID         string    `json:"id"`
	PEMFile    string    `json:"pem_file"` // beside the vendor file
	NotBefore  time.Time `json:"not_before,omitzero"`
	NotAfter   time.Time `json:"not_after,omitzero"`
	Revoked    bool      `json:"revoked,omitempty"`
	Root       string    `json:"root,omitempty"`        // name in roots.d: then a log entry and a trusted time are demanded
	AttestOnly bool      `json:"attest_only,omitempty"` // may sign attestations, not packages
}

// Identity is a keyless signer: a certificate of a sigstore deployment.
type Identity struct {
	ID         string            `json:"id"`
	Root       string            `json:"root"`                                  // name in roots.d
	Issuer     string            `json:"certificate_oidc_issuer"`               // exact
	SAN        string            `json:"certificate_identity,omitempty"`        // exact, or
	SANRegexp  string            `json:"certificate_identity_regexp,omitempty"` // anchored at both ends
	Extensions map[string]string `json:"extensions,omitempty"`                  // Fulcio extensions, exact
	NotBefore  time.Time         `json:"not_before,omitzero"`
	NotAfter   time.Time         `json:"not_after,omitzero"`
	Revoked    bool              `json:"revoked,omitempty"`
	AttestOnly bool              `json:"attest_only,omitempty"`
}

// Scope is what a vendor may do: which updaters, and how much of the machine.
type Scope struct {
	Updaters         []string `json:"updaters"` // exact ids, or "com.example.*"
	Actions          []string `json:"actions"`
	Components       []string `json:"components"`
	Write            []string `json:"write,omitempty"`        // below /opt, /var/opt or /srv
	UnsafeWrite      []string `json:"unsafe_write,omitempty"` // anywhere else but never lull's own
	Restart          []string `json:"restart,omitempty"`      // none, app, session, system; default none
	Artifacts        string   `json:"artifacts,omitempty"`    // "statement" (default) or "self"
	MinVersion       string   `json:"min_version,omitempty"`
	HonorDeadlines   bool     `json:"honor_deadlines,omitempty"`
	MaxArtifactBytes int64    `json:"max_artifact_bytes,omitempty"` // 0: the store's limit
}

// The values of Scope.Artifacts and of input.trust.artifacts.binding.
const (
	BindingStatement = "statement"
	BindingSelf      = "self"
	BindingNone      = "none"
)

// Audit is who vouched for the vendor, shown to people and handed to policy.
type Audit struct {
	AttestedBy string `json:"attested_by,omitempty"`
	Date       string `json:"date,omitempty"` // 2026-05-02
	Report     string `json:"report,omitempty"`
}

// Signer is who signed a document, as it was verified.
type Signer struct {
	Vendor   string    `json:"vendor"`
	Method   string    `json:"method"` // "key" or "keyless"
	ID       string    `json:"id"`     // of the key or identity in the vendor file
	KeyType  string    `json:"key_type,omitempty"`
	SPKI     string    `json:"spki_sha256,omitempty"`
	Issuer   string    `json:"issuer,omitempty"`
	SAN      string    `json:"san,omitempty"`
	SignedAt time.Time `json:"signed_at,omitzero"` // trusted time of the signature, zero when none
}
