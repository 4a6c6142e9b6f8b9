package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options of [New].
type Options struct {
	Layers    func() []Layer   // required; asked again at each load, lowest first
	Schema    []byte           // JSON Schema of the input; nil: unchecked
	Schemas   func() []byte    // where the schema may change: asked for it at each load, instead of Schema
	StateDir  string           // keeps the last good set; "": none
	Meanwhile func()           // called in each load while the rules compile, which keeps one processor busy; nil: nothing
	Deadline  time.Duration    // of one decision; 0: 100 ms
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: discard
}

// An Engine holds the generation in force. Deciding never waits for loading.
type Engine struct {
	opt Options
	log *slog.Logger
	gen atomic.Pointer[Generation]

	loading sync.Mutex // serialises Reload
	tried   string     // raw digest of the newest tree that was tried
	schema  *schema    // it was tried against

	mu     sync.Mutex
	status Status
}

// Status says what is in force and what was rejected.
type Status struct {
	Digest        string       `json:"digest"`         // in force
	Since         time.Time    `json:"since"`          // when it came into force in this process
	FromLastGood  bool         `json:"from_last_good"` // from the state directory, since the layers do not load
	Rejected      string       `json:"rejected,omitempty"`
	RejectedSince time.Time    `json:"rejected_since,omitzero"`
	Diagnostics   []Diagnostic `json:"diagnostics,omitempty"` // why Rejected was rejected
}

// New loads the policies. When they do not load, the last good set of the state
// directory decides, and Status says so; without one the error is a *[LoadError].
func New(ctx context.Context, o Options) (*Engine, error) {
	if o.Deadline == 0 {
		o.Deadline = 100 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{opt: o, log: o.Logger}
	_, err := e.Reload(ctx)
	var bad *LoadError
	if !errors.As(err, &bad) {
		return e, err
	}
	g, kept := loadLastGood(ctx, o.StateDir, e.schema)
	if g == nil {
		return nil, errors.Join(err, kept)
	}
	e.adopt(g, true)
	return e, nil
}

// Generation is the set in force.
func (e *Engine) Generation() *Generation { return e.gen.Load() }

// Status says what is in force and what was rejected.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

// Reload reads all layers and puts them in force. On a *[LoadError] the
// generation in force stays. A tree that is equal to the one tried last costs no
// compilation and reports no change and no error, even where that one was
// rejected; [Engine.Status] still says so.
func (e *Engine) Reload(ctx context.Context) (changed bool, err error) {
	e.loading.Lock()
	defer e.loading.Unlock()
	var (
		s      *schema
		others sync.WaitGroup
	)
	others.Go(func() { s = e.currentSchema() })
	t, diags := buildTree(e.opt.Layers())
	others.Wait()
	if e.gen.Load() != nil && t.raw == e.tried && s == e.schema {
		return false, nil
	}
	e.tried, e.schema = t.raw, s
	if g := e.gen.Load(); g != nil && g.digest == t.digest && g.schema == s && !diags.failed() && !e.Status().FromLastGood {
		e.reject("", nil) // the edit was taken back
		return false, nil
	}
	var g *Generation
	rejected := t.digest
	if diags.failed() {
		rejected = t.raw // a file that cannot be read is in no tree: its digest may be that of the set in force
	} else {
		var more diagnostics
		g, more = load(ctx, t, s, e.opt.Meanwhile)
		diags = append(diags, more...)
	}
	if g == nil {
		errs := diags.only(func(sev string) bool { return sev == SeverityError })
		e.reject(rejected, errs)
		return false, &LoadError{Digest: rejected, Diagnostics: errs}
	}
	again := e.gen.Load() != nil
	e.adopt(g, false)
	e.keep(t)
	if again {
		e.makePlan(ctx, g) // here, rather than at a decision, which waits for nothing
	}
	return true, nil
}

// currentSchema is the schema to load against: the one in force, or the one tried
// last, when it says the same.
func (e *Engine) currentSchema() *schema {
	text := e.opt.Schema
	if e.opt.Schemas != nil {
		text = e.opt.Schemas()
	}
	if g := e.gen.Load(); g != nil && bytes.Equal(text, g.schema.text) {
		return g.schema
	}
	if e.schema != nil && bytes.Equal(text, e.schema.text) {
		return e.schema
	}
	return newSchema(text)
}

func (e *Engine) keep(t *tree) {
	if err := saveLastGood(e.opt.StateDir, t); err != nil {
		e.log.Warn("cannot keep a copy of the policies; after a restart a broken edit would stop deciding", "err", err)
	}
}

func (e *Engine) adopt(g *Generation, lastGood bool) {
	e.gen.Store(g)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.Digest, e.status.Since, e.status.FromLastGood = g.digest, e.opt.Now(), lastGood
	if !lastGood {
		e.status.Rejected, e.status.Diagnostics, e.status.RejectedSince = "", nil, time.Time{}
	}
}

func (e *Engine) reject(digest string, diags []Diagnostic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if digest == "" {
		e.status.RejectedSince = time.Time{}
	} else if digest != e.status.Rejected {
		e.status.RejectedSince = e.opt.Now()
	}
	e.status.Rejected, e.status.Diagnostics = digest, diags
}
