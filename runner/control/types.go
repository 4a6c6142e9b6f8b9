package control

import "time"

// State says where an updater or an update is. Only Installed means
// installed; whatever waits, is denied or failed is never shown as such.
type State string

// The states.
const (
	Idle           State = "idle"            // nothing to do until the next scan
	Waiting        State = "waiting"         // time or an event can help
	Denied         State = "denied"          // waiting cannot help
	Verifying      State = "verifying"       // lull reads or checks bytes
	Running        State = "running"         // a program of the updater runs
	Frozen         State = "frozen"          // stopped because the user came back
	AwaitsRestart  State = "awaits_restart"  // complete only after the next boot
	Installed      State = "installed"       // every step of the update succeeded
	Failed         State = "failed"          // no attempt is left
	NeedsAttention State = "needs_attention" // a person has to look
	Gone           State = "gone"            // superseded or removed
	Held           State = "held"            // an operator put it on hold
	Broken         State = "broken"          // registered, but its package cannot be loaded
)

// Status is everything at a glance.
type Status struct {
	Version      string     `json:"version"`
	PID          int        `json:"pid"`
	Since        time.Time  `json:"since"`        // when this daemon began
	Boot         string     `json:"boot"`         // identity of this boot, as in the journal
	Root         string     `json:"root"`         // "/" or the DIR of --root
	Unprivileged bool       `json:"unprivileged"` // not root: Warnings say what cannot be enforced
	Warnings     []string   `json:"warnings"`     // what lull cannot enforce here, and what is about to expire
	Sandbox      Sandbox    `json:"sandbox"`
	KeepAwake    string     `json:"keep_awake,omitempty"` // why the machine is kept awake; absent: it is not
	Config       Config     `json:"config"`
	Policy       Policy     `json:"policy"`
	Vendors      Vendors    `json:"vendors"`
	Journal      Journal    `json:"journal"`
	Updaters     []Updater  `json:"updaters"`
	NextCheck    *time.Time `json:"next_check,omitempty"` // absent: only an event can change anything
	Work         Work       `json:"work"`
}

// Work counts what deciding has cost since the daemon began.
type Work struct {
	Looks     uint64 `json:"looks"`     // at the facts of one volume, for all that waits on it
	Decisions uint64 `json:"decisions"` // full evaluations of the policy
}

// Sandbox says what confines an updater's programs on this machine; it is
// input.sandbox of the policies.
type Sandbox struct {
	Layers []string `json:"layers"` // mount, pid, landlock, seccomp, uid, cgroup
	Memory string   `json:"memory"` // enforced, weak or none
}

// Journal says how far the record goes, and what its last opening repaired.
type Journal struct {
	Records   uint64 `json:"records"`
	Recovered string `json:"recovered,omitempty"` // file, line and byte of the damage that was cut off
}

// Config says what is wrong with the files of the configuration; both members are
// absent while they are in force.
type Config struct {
	Since    *time.Time `json:"rejected_since,omitempty"` // the configuration before stays in force
	Problems []string   `json:"problems,omitempty"`       // each with file and line
}

// Policy says which policies decide.
type Policy struct {
	Digest        string     `json:"digest"`
	Since         time.Time  `json:"since"`
	Rejected      string     `json:"rejected,omitempty"` // digest of an edit that did not load
	RejectedSince *time.Time `json:"rejected_since,omitempty"`
	Problems      []string   `json:"problems,omitempty"`  // why, each with file and line
	LastGood      bool       `json:"last_good,omitempty"` // the files on disk were broken at the start; an older set decides
}

// Vendors says which vendor files are in force and what is wrong with others.
type Vendors struct {
	Digest   string   `json:"digest"`
	Names    []string `json:"names"`
	Problems []string `json:"problems,omitempty"` // each with file and line
}

// Updaters is the list of GET updaters.
type Updaters struct {
	Updaters []Updater `json:"updaters"`
}

// Updater is one registered updater.
type Updater struct {
	ID         string     `json:"id"`
	Name       string     `json:"display_name,omitempty"`
	Vendor     string     `json:"vendor"`
	Version    string     `json:"version"`
	Digest     string     `json:"digest"`    // SHA-256 of its manifest, hex
	Source     string     `json:"source"`    // command, dropin or self
	Artifacts  string     `json:"artifacts"` // what states what its updates consist of: statement, self, or none where nobody vouches for it
	Registered time.Time  `json:"registered"`
	State      State      `json:"state"`
	Current    *Item      `json:"current,omitempty"` // what comes next or runs now
	Updates    []Update   `json:"updates"`
	LastScan   *time.Time `json:"last_scan,omitempty"`
	NextScan   *time.Time `json:"next_scan,omitempty"`
	HeldUntil  *time.Time `json:"held_until,omitempty"` // absent while held: until unheld
	Why        string     `json:"why,omitempty"`        // one sentence for a state that a person did not hope for
}

// Item is one action that runs or waits.
type Item struct {
	Update   string     `json:"update,omitempty"` // absent for a scan
	Action   string     `json:"action"`
	State    State      `json:"state"`
	Verdict  string     `json:"verdict,omitempty"` // run, wait or deny: the last decision
	DeniedBy []string   `json:"denied_by,omitempty"`
	WaitsFor []string   `json:"waits_for,omitempty"`
	Code     string     `json:"code,omitempty"` // why trust refused
	Error    string     `json:"error,omitempty"`
	Attempt  int        `json:"attempt,omitempty"` // from 1
	Started  *time.Time `json:"started,omitempty"`
	Check    *time.Time `json:"next_check,omitempty"`
	Retry    *time.Time `json:"retry_at,omitempty"`
	Progress *Progress  `json:"progress,omitempty"`
}

// Progress is how far a running action says it is.
type Progress struct {
	Current float64 `json:"current"`
	Total   float64 `json:"total,omitempty"` // absent: not known
}

// Update is one update that a scan found.
type Update struct {
	ID         string     `json:"id"`
	Title      string     `json:"title,omitempty"`
	Version    string     `json:"version"`
	Security   bool       `json:"security,omitempty"`
	SizeBytes  int64      `json:"size_bytes,omitempty"`
	Deadline   *time.Time `json:"deadline,omitempty"`
	Restart    string     `json:"restart,omitempty"` // app, session or system; absent: none
	Found      time.Time  `json:"found"`
	State      State      `json:"state"`
	Step       string     `json:"step,omitempty"` // what comes next
	Failures   int        `json:"failures,omitempty"`
	RetryAt    *time.Time `json:"retry_at,omitempty"`
	ApprovedTo *time.Time `json:"approved_until,omitempty"`
	Why        string     `json:"why,omitempty"`
}

// Facts are what the daemon knows of the machine.
type Facts struct {
	At    time.Time      `json:"at"`
	Facts map[string]any `json:"facts"` // nested; known and fresh ones only
	Meta  map[string]any `json:"meta"`  // by fact id: age and source, or state and why
}
