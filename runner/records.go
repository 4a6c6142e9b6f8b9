package runner

import (
	"time"

	"github.com/lullhq/lull/engine"
)

// Kinds of journal records, CONTRACTS section 8. The journal itself adds
// recovered and checkpoint.
const (
	kindRegistered       = "registered"
	kindUnregistered     = "unregistered"
	kindScanned          = "scanned"
	kindDecided          = "decided"
	kindVerified         = "verified"
	kindRefused          = "refused"
	kindStarted          = "started"
	kindFrozen           = "frozen"
	kindThawed           = "thawed"
	kindFinished         = "finished"
	kindInterrupted      = "interrupted"
	kindNeedsAttention   = "needs_attention"
	kindSuperseded       = "superseded"
	kindCanceled         = "canceled"
	kindRestartScheduled = "restart_scheduled"
	kindHeld             = "held"
	kindUnheld           = "unheld"
	kindApproved         = "approved"
	kindRetried          = "retried"
	kindPolicyLoaded     = "policy_loaded"
	kindPolicyRejected   = "policy_rejected"
	kindVendorsLoaded    = "vendors_loaded"
	kindRevoked          = "revoked"
	kindRootRefreshed    = "root_refreshed"
)

// subject names what a record is about. Update is empty for a scan and for
// records about a whole updater.
type subject struct {
	Updater string `json:"updater"`
	Update  string `json:"update,omitempty"`
	Action  string `json:"action,omitempty"`
}

// registeredBody is written before an updater gains authority.
type registeredBody struct {
	Updater string `json:"updater"`
	Vendor  string `json:"vendor"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Source  string `json:"source"` // command, dropin or self
	Dir     string `json:"dir,omitempty"`
	Signer  any    `json:"signer,omitempty"`
}

// rootBody tells how lull's own refresh of a trusted root ended.
type rootBody struct {
	Name    string `json:"name"`
	Changed bool   `json:"changed"`
	Code    string `json:"code,omitempty"`
	Error   string `json:"error,omitempty"`
}

// revokedBody is a revocation that was found in force.
type revokedBody struct {
	Vendor string    `json:"vendor"`
	Signer string    `json:"signer,omitempty"` // "": the whole vendor
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

func revokedKey(vendor, signer string) string { return vendor + "\x00" + signer }

type unregisteredBody struct {
	Updater string `json:"updater"`
	Reason  string `json:"reason"`
}

// scannedBody carries all that is known of each pending update, because the
// state after a restart is the fold of these records and nothing else.
type scannedBody struct {
	Updater string         `json:"updater"`
	Updates []scannedEntry `json:"updates"`
}

// scannedEntry is one update as the scan named it, with the digest of its
// signed document once trust has admitted that.
type scannedEntry struct {
	ScanUpdate
	Document string `json:"document_digest,omitempty"`
	Step     string `json:"step"` // the first step its manifest has
}

type decidedBody struct {
	subject
	Decision engine.Decision `json:"decision"`
	Policy   string          `json:"policy"`
	Facts    map[string]any  `json:"facts,omitempty"`
	Final    bool            `json:"final"`
	Error    string          `json:"error,omitempty"`
}

type verifiedBody struct {
	subject
	Package   string `json:"package,omitempty"`
	Document  string `json:"document,omitempty"`
	Artifacts string `json:"artifacts,omitempty"`
	Next      string `json:"next,omitempty"` // after admitting artifacts: the step that follows
	Signer    any    `json:"signer,omitempty"`
}

type refusedBody struct {
	subject
	Stage   string `json:"stage"` // register, scan, artifacts, self or stageStart
	Code    string `json:"code"`
	Error   string `json:"error"`
	Package string `json:"package,omitempty"`
	RetryAt string `json:"retry_at,omitempty"`
	// Of a start: what the policies, Policy by name, made of it.
	Decision *engine.Decision `json:"decision,omitempty"`
	Policy   string           `json:"policy,omitempty"`
}

// stageStart is the refusal of a start.
const stageStart = "start"

// startedBody is on disk before the process exists. ID names the attempt's
// marker and exit file; Idempotent decides what a restart after a crash does.
type startedBody struct {
	subject
	ID         string          `json:"id"`
	Attempt    int             `json:"attempt"`
	Idempotent bool            `json:"idempotent"`
	Pausable   bool            `json:"pausable"`
	Package    string          `json:"package"`
	Document   string          `json:"document,omitempty"`
	Artifacts  string          `json:"artifacts,omitempty"`
	Signer     any             `json:"signer,omitempty"`
	Policy     string          `json:"policy"`
	Facts      map[string]any  `json:"facts,omitempty"`
	Decision   engine.Decision `json:"decision"`
	Layers     []string        `json:"sandbox_layers"`
}

type pausedBody struct {
	subject
	ID  string `json:"id"`
	Why string `json:"why"`
}

type finishedBody struct {
	subject
	ID              string   `json:"id"`
	Outcome         string   `json:"outcome"`
	Message         string   `json:"message,omitempty"`
	Restart         string   `json:"restart,omitempty"`
	Exit            int      `json:"exit"`
	Signal          string   `json:"signal,omitempty"`
	TimedOut        bool     `json:"timed_out,omitempty"`
	Package         string   `json:"package,omitempty"`
	Artifacts       string   `json:"artifacts,omitempty"`
	Signer          any      `json:"signer,omitempty"`
	Policy          string   `json:"policy,omitempty"`
	Layers          []string `json:"sandbox_layers,omitempty"`
	CPUSeconds      float64  `json:"cpu_seconds"`
	BytesRead       int64    `json:"bytes_read"`
	BytesWritten    int64    `json:"bytes_written"`
	PeakMemoryBytes int64    `json:"peak_memory_bytes"`
	WallSeconds     float64  `json:"wall_seconds"`
	FrozenSeconds   float64  `json:"frozen_seconds"`
	RetryAt         string   `json:"retry_at,omitempty"` // RFC 3339; set when the step is to be tried again
	GaveUp          bool     `json:"gave_up,omitempty"`  // no attempt is left
	Next            string   `json:"next,omitempty"`     // after success: the step that follows, absent when the update is installed
}

type interruptedBody struct {
	subject
	ID      string `json:"id"`
	Began   bool   `json:"began"` // the program may have run
	RetryAt string `json:"retry_at,omitempty"`
	Why     string `json:"why"`
}

type attentionBody struct {
	subject
	Why string `json:"why"`
}

type supersededBody struct {
	subject
	By string `json:"by,omitempty"`
}

type canceledBody struct {
	subject
	ID      string `json:"id,omitempty"`
	Why     string `json:"why"`
	RetryAt string `json:"retry_at,omitempty"`
}

type restartBody struct {
	subject
	Restart string `json:"restart"`
	Boot    string `json:"boot"` // the boot that has to end first
}

type heldBody struct {
	Updater string     `json:"updater"`
	Until   *time.Time `json:"until,omitempty"` // absent: until unheld
	By      string     `json:"by,omitempty"`
}

type approvedBody struct {
	Updater string    `json:"updater"`
	Update  string    `json:"update,omitempty"`
	Until   time.Time `json:"until"`
	Metered bool      `json:"metered,omitempty"`
	By      string    `json:"by,omitempty"`
}

// retriedBody clears a failure or a need for attention on an operator's word.
type retriedBody struct {
	subject
	Reason string `json:"reason"`
}

type policyBody struct {
	Digest string `json:"digest"`
	Errors []any  `json:"errors,omitempty"`
}

type vendorsBody struct {
	Digest   string `json:"digest"`
	Problems []any  `json:"problems,omitempty"`
}
