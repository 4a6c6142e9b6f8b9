package control

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Verbs are what can be asked of an updater with POST updaters/ID/VERB.
var Verbs = []string{"scan", "uninstall", "retry", "hold", "unhold", "approve"}

// sessionVerbs are those that the active local session may ask for, too.
var sessionVerbs = []string{"hold", "unhold", "approve"}

// Request is the body of a verb on an updater.
type Request struct {
	Update  string     `json:"update,omitempty"`  // absent: all its updates
	Until   *time.Time `json:"until,omitempty"`   // hold: absent for until unheld
	Metered bool       `json:"metered,omitempty"` // approve: a metered network is all right, too
	By      string     `json:"-"`                 // who asks; the server fills it in from the peer's credentials
}

// Done says what a verb did.
type Done struct {
	Message string `json:"message"`
}

// Registered is what a registration came to.
type Registered struct {
	ID        string `json:"id"`
	Vendor    string `json:"vendor"`
	Version   string `json:"version"`
	Digest    string `json:"digest"`
	Previous  string `json:"previous_version,omitempty"`
	Unchanged bool   `json:"unchanged"` // the same bytes were registered before
}

// HistoryQuery says which journal records are wanted. Its zero value asks for
// the newest [DefaultHistory].
type HistoryQuery struct {
	From    uint64    // sequence number; 0: from the first
	Since   time.Time // zero: any time
	Updater string    // "": all; with it, only records whose body names the updater
	Kinds   []string  // none: all
	Limit   int       // the newest so many; 0: DefaultHistory
}

// Limits of a HistoryQuery.
const (
	DefaultHistory = 100
	MaxHistory     = 10000
)

// History is journal records, oldest first, each the line as it stands in the
// journal (runner/journal.Record).
type History struct {
	Records []json.RawMessage `json:"records"`
	More    bool              `json:"more"` // older ones matched and were left out by the limit
}

// Backend is the daemon behind the server. Errors that are not *Error are
// internal ones. Its methods are called concurrently.
type Backend interface {
	Status(ctx context.Context) (Status, error)
	// Why explains the update, or with an empty one whatever comes next.
	Why(ctx context.Context, updater, update string) (Why, error)
	Facts(ctx context.Context) (Facts, error)
	History(ctx context.Context, q HistoryQuery) (History, error)
	// Register takes a package as a tar; whatever is in it is not yet trusted.
	Register(ctx context.Context, tar io.Reader) (Registered, error)
	Unregister(ctx context.Context, updater string) (Done, error)
	// Do carries out one of Verbs.
	Do(ctx context.Context, verb, updater string, req Request) (Done, error)
	// Events calls each for every journal record from now on, until ctx ends
	// or each fails.
	Events(ctx context.Context, each func(json.RawMessage) error) error
}
