package control

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// APIVersion is the version of the JSON shapes below, also of -o json.
const APIVersion = "lull/v1"

// State says where an updater or an update is. Only Installed means
// installed; whatever waits, is denied or failed is never shown as such.
type State string

// The states.
const (
	Idle           State = "idle"            // nothing to do until the next scan
	Waiting        State = "waiting"         // time or an event can help
	Denied         State = "denied"          // waiting cannot help
	Verifying      State = "verifying"       // lull reads or checks bytes
	Running        State = "running"         //
	Frozen         State = "frozen"          // stopped because the user came back
	AwaitsRestart  State = "awaits_restart"  // installed at the next boot
	Installed      State = "installed"       //
	Failed         State = "failed"          // no attempt is left
	NeedsAttention State = "needs_attention" // a person has to look
	Gone           State = "gone"            // superseded or removed
	Held           State = "held"            // an operator put it on hold
	Broken         State = "broken"          // registered, but its package cannot be loaded
)

// Status is everything at a glance.
type Status struct {
	APIVersion string     `json:"apiVersion"`
	Version    string     `json:"version"`
	PID        int        `json:"pid"`
	Since      time.Time  `json:"since"`
	Root       string     `json:"root"`
	Warnings   []string   `json:"warnings"` // what lull cannot enforce here, and what is about to expire
	Policy     Policy     `json:"policy"`
	Vendors    Vendors    `json:"vendors"`
	Updaters   []Updater  `json:"updaters"`
	NextCheck  *time.Time `json:"next_check,omitempty"` // absent: only an event can change anything
}

// Policy says which policies decide.
type Policy struct {
	Digest   string    `json:"digest"`
	Since    time.Time `json:"since"`
	Rejected string    `json:"rejected,omitempty"` // digest of an edit that did not load
	Problems []string  `json:"problems,omitempty"` // why, with file and line
}

// Vendors says which vendor files are in force and what is wrong with others.
type Vendors struct {
	Digest   string   `json:"digest"`
	Names    []string `json:"names"`
	Problems []string `json:"problems,omitempty"`
}

// Updater is one registered updater.
type Updater struct {
	ID         string     `json:"id"`
	Vendor     string     `json:"vendor"`
	Version    string     `json:"version"`
	Digest     string     `json:"digest"`
	Source     string     `json:"source"` // command, dropin or self
	Registered time.Time  `json:"registered"`
	State      State      `json:"state"`
	Current    *Item      `json:"current,omitempty"` // what comes next or runs now
	Updates    []Update   `json:"updates"`
	LastScan   *time.Time `json:"last_scan,omitempty"`
	NextScan   *time.Time `json:"next_scan,omitempty"`
	HeldUntil  *time.Time `json:"held_until,omitempty"`
	Why        string     `json:"why,omitempty"`
}

// Item is one action that runs or waits.
type Item struct {
	Update   string     `json:"update,omitempty"`
	Action   string     `json:"action"`
	State    State      `json:"state"`
	Verdict  string     `json:"verdict,omitempty"`
	DeniedBy []string   `json:"denied_by,omitempty"`
	WaitsFor []string   `json:"waits_for,omitempty"`
	Code     string     `json:"code,omitempty"` // why trust refused
	Error    string     `json:"error,omitempty"`
	Check    *time.Time `json:"next_check,omitempty"`
	Retry    *time.Time `json:"retry_at,omitempty"`
	Progress *Progress  `json:"progress,omitempty"`
}

// Progress is how far a running action says it is.
type Progress struct {
	Current float64 `json:"current"`
	Total   float64 `json:"total,omitempty"`
}

// Update is one update that a scan found.
type Update struct {
	ID       string    `json:"id"`
	Title    string    `json:"title,omitempty"`
	Version  string    `json:"version"`
	Security bool      `json:"security,omitempty"`
	Found    time.Time `json:"found"`
	State    State     `json:"state"`
	Step     string    `json:"step,omitempty"` // what comes next
	Failures int       `json:"failures,omitempty"`
	Why      string    `json:"why,omitempty"`
}

// Why explains why an action waits and what must change.
type Why struct {
	APIVersion  string     `json:"apiVersion"`
	Updater     string     `json:"updater"`
	Update      string     `json:"update,omitempty"`
	Action      string     `json:"action,omitempty"` // "" when nothing is to be done
	State       State      `json:"state"`
	Text        string     `json:"text"` // one sentence
	Decision    any        `json:"decision,omitempty"`
	Unmet       []Unmet    `json:"unmet"`
	Changes     []string   `json:"changes,omitempty"`      // smallest set that makes it run, checked
	CannotClear []string   `json:"cannot_clear,omitempty"` // conditions no change of facts can meet
	Code        string     `json:"code,omitempty"`         // why trust refused
	Error       string     `json:"error,omitempty"`
	NextCheck   *time.Time `json:"next_check,omitempty"`
}

// Unmet is one condition that is required and not met.
type Unmet struct {
	Condition string   `json:"condition"`
	Title     string   `json:"title"`
	Denies    bool     `json:"denies"` // waiting cannot help
	ClearsBy  string   `json:"clears_by,omitempty"`
	Remedy    string   `json:"remedy,omitempty"`
	Observed  []string `json:"observed,omitempty"` // "facts.presence.idle_seconds = 12"
	Needed    []string `json:"needed,omitempty"`   // alternatives
}

// Facts are what the daemon knows of the machine.
type Facts struct {
	APIVersion string         `json:"apiVersion"`
	At         time.Time      `json:"at"`
	Facts      map[string]any `json:"facts"`
	Meta       map[string]any `json:"meta"`
}

// Registered is what a registration came to.
type Registered struct {
	APIVersion string `json:"apiVersion"`
	ID         string `json:"id"`
	Vendor     string `json:"vendor"`
	Version    string `json:"version"`
	Digest     string `json:"digest"`
	Previous   string `json:"previous_version,omitempty"`
	Unchanged  bool   `json:"unchanged"`
}

// Request is the body of a verb on an updater.
type Request struct {
	Update  string     `json:"update,omitempty"`
	Until   *time.Time `json:"until,omitempty"` // hold
	Metered bool       `json:"metered,omitempty"`
	By      string     `json:"-"` // filled in by the server from the peer's credentials
}

// Done says what a verb did.
type Done struct {
	APIVersion string `json:"apiVersion"`
	Message    string `json:"message"`
}

// Error is a refused or failed request. Code is one of the constants below.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Status  int    `json:"-"`
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Codes of an Error; the command line maps them to its exit codes.
const (
	CodeUsage       = "usage"
	CodeUnknown     = "unknown"     // no such updater or update
	CodeForbidden   = "forbidden"   // not allowed for this user
	CodeUntrusted   = "untrusted"   // trust refused
	CodeBusy        = "busy"        // something of the updater runs
	CodeInternal    = "internal"    //
	CodeUnreachable = "unreachable" // no daemon answers; made by the client
)

// Backend is the daemon behind the server. Errors that are not *Error are
// internal ones.
type Backend interface {
	Status(ctx context.Context) (Status, error)
	Why(ctx context.Context, updater, update string) (Why, error)
	Facts(ctx context.Context) (Facts, error)
	Register(ctx context.Context, tar io.Reader) (Registered, error)
	Unregister(ctx context.Context, updater string) (Done, error)
	// Do carries out one of Verbs.
	Do(ctx context.Context, verb, updater string, req Request) (Done, error)
	// Events calls each for every journal record from now on, until ctx ends.
	Events(ctx context.Context, each func(json.RawMessage) error) error
}

// Verbs are what can be asked of an updater.
var Verbs = []string{"scan", "uninstall", "retry", "hold", "unhold", "approve"}
