// Package plan runs Rego as OPA's own planner lays it out.
//
// OPA's evaluator searches: each step unifies, and keeps what it would need to go
// back. Its planner makes of the same rules straight code of locals, blocks and
// loops, OPA's documented intermediate representation, from which the Wasm of
// `opa build -t wasm` is made, too. This package makes a tree of instructions of that,
// with what does not change worked out once, and runs it in a fraction of the time.
// What a statement means is what that Wasm does; built-ins are OPA's own.
package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
)

// A Plan is a query laid out. It never changes, and is safe for concurrent use.
type Plan struct {
	query        *function
	functions    []*function
	paths        map[string]*function // for calls of what is known only while running
	data         *ast.Term
	locals       int // of all functions
	capabilities *ast.Capabilities
}

// A function is a planned rule or function.
type function struct {
	index  int // in Plan.functions
	params []ir.Local
	locals int
	keeps  bool // it takes nothing but input and data, so it comes to one value in an evaluation
	blocks []block
}

// planTarget is how OPA hands over a plan: as a target for its rego package.
const planTarget = "lull"

func init() { rego.RegisterPlugin(planTarget, planner{}) }

type planner struct{}

// IsTarget is of rego.TargetPlugin.
func (planner) IsTarget(name string) bool { return name == planTarget }

// PrepareForEval leaves the plan where New looks for it.
func (planner) PrepareForEval(ctx context.Context, p *ir.Policy, _ ...rego.PrepareOption) (rego.TargetPluginEval, error) {
	if to, ok := ctx.Value(planner{}).(**ir.Policy); ok {
		*to = p
	}
	return planner{}, nil
}

// Eval is of rego.TargetPluginEval; nobody asks it.
func (planner) Eval(context.Context, *rego.EvalContext, ast.Value) (ast.Value, error) {
	return nil, errors.New("a plan is run by Plan.Eval")
}

// A Source is what is planned: compiled rules and their data.
type Source struct {
	Compiler    *ast.Compiler
	Store       storage.Store
	Transaction storage.Transaction
	Data        ast.Object
}

// New has OPA plan a query. What calls a built-in that is not deterministic is an
// [ErrNondeterministic]. Rules that break OPA's planner are an error, too: they can
// be evaluated all the same.
func New(ctx context.Context, from Source, query string) (p *Plan, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("the planner panicked: %v", r)
		}
	}()
	var policy *ir.Policy
	_, err = rego.New(rego.Compiler(from.Compiler), rego.Store(from.Store), rego.Transaction(from.Transaction),
		rego.Capabilities(from.Compiler.Capabilities()), rego.Query(query), rego.Target(planTarget)).
		PrepareForEval(context.WithValue(ctx, planner{}, &policy))
	if err != nil {
		return nil, err
	}
	if p, err = translate(policy); err != nil {
		return nil, err
	}
	p.data, p.capabilities = ast.NewTerm(from.Data), from.Compiler.Capabilities()
	return p, nil
}

// ErrNondeterministic says that a plan calls what does not come to the same each
// time, or hangs on more than its operands.
var ErrNondeterministic = errors.New("the built-in is not deterministic")
