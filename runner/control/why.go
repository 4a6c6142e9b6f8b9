package control

import (
	"encoding/json"
	"time"
)

// Why explains why an action waits and what must change for it to run.
type Why struct {
	Updater     string     `json:"updater"`
	Update      string     `json:"update,omitempty"`
	Action      string     `json:"action,omitempty"` // absent when nothing is to be done
	State       State      `json:"state"`
	Text        string     `json:"text"`               // one sentence
	Decision    any        `json:"decision,omitempty"` // the shape of data.eligibility.decision
	Unmet       []Unmet    `json:"unmet"`
	Changes     []string   `json:"changes,omitempty"`      // smallest set that makes it run, checked by deciding again
	CannotClear []string   `json:"cannot_clear,omitempty"` // conditions that no change of facts can meet
	Code        string     `json:"code,omitempty"`         // why trust refused
	Error       string     `json:"error,omitempty"`
	NextCheck   *time.Time `json:"next_check,omitempty"` // absent: only an event can change it

	// What becomes of it if nothing but time changes: the instant at which it may run,
	// checked by deciding on that instant; or the conditions that time alone does not
	// clear; or those of which that cannot be told.
	Earliest    *time.Time `json:"earliest,omitempty"`
	HeldUntil   *time.Time `json:"held_until,omitempty"` // a hold that ends by itself, which the earliest instant allows for
	NotByTime   []string   `json:"not_by_time,omitempty"`
	TimeUnclear []string   `json:"time_unclear,omitempty"`

	Input json.RawMessage `json:"input,omitempty"` // the whole document that was decided on; not for everybody
}

// Unmet is one condition that is required and not met.
type Unmet struct {
	Condition string `json:"condition"` // its name in the policies
	Title     string `json:"title"`
	Text      string `json:"text,omitempty"` // in plain words, with the values
	// Opaque tells that its rule cannot be seen through: what is needed is not, or not
	// only, plain comparisons, and the description has to tell.
	Opaque      bool     `json:"opaque,omitempty"`
	Description string   `json:"description,omitempty"`
	Denies      bool     `json:"denies"`              // waiting cannot help
	ClearsBy    string   `json:"clears_by,omitempty"` // time, event, user, admin or vendor
	Remedy      string   `json:"remedy,omitempty"`
	Observed    []string `json:"observed,omitempty"` // "facts.presence.idle_seconds = 12"
	Needed      []string `json:"needed,omitempty"`   // alternatives, each "a >= 1 and b == true"
	File        string   `json:"file,omitempty"`     // where the rule stands
	Line        int      `json:"line,omitempty"`

	Since *time.Time `json:"since,omitempty"` // it was found unmet then, and at every decision since; absent while no decision has found it unmet
}
