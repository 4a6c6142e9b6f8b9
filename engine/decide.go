package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Decide asks the policies in force about one action. It never fails: a
// policy that fails, takes longer than the deadline or answers oddly gives a wait
// for policy_error or policy_timeout, and Error says why. That the input fits
// its schema is [Engine.ParseInput]'s and [Engine.Validate]'s to say.
func (e *Engine) Decide(ctx context.Context, in *Input) Decision {
	g := e.gen.Load()
	return g.decide(ctx, in, e.opt.Deadline)
}

func (g *Generation) decide(ctx context.Context, in *Input, deadline time.Duration) (d Decision) {
	defer func() {
		if r := recover(); r != nil {
			d = failure(PolicyError, fmt.Sprintf("the evaluator panicked: %v", r))
		}
		d.PolicyDigest = g.digest
	}()
	t, err := g.prog.eval(ctx, g.prog.query, in, deadline)
	switch {
	case topdown.IsCancel(err):
		return failure(PolicyTimeout, unanswered(deadline)+"; opa eval --profile on lull policy export shows which rule takes so long")
	case err != nil:
		return failure(PolicyError, err.Error())
	case t == nil:
		return failure(PolicyError, "the policies give no decision: "+entrypoint+" is undefined")
	}
	if d, err = parseDecision(t); err != nil {
		return failure(PolicyError, err.Error())
	}
	return d
}

func unanswered(deadline time.Duration) string {
	return fmt.Sprintf("the policies did not answer within %v", deadline)
}

// answer is the variable of every compiled query.
var answer = ast.Var("x")

// eval runs a compiled query that binds x, and returns x; nil is undefined.
func (p *program) eval(ctx context.Context, query ast.Body, in *Input, deadline time.Duration) (*ast.Term, error) {
	p.count.Add(1)
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(deadline, cancel.Cancel)
	defer timer.Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	rules := newRuleCache(p.steady, in)
	q := topdown.NewQuery(query).WithCompiler(p.compiler).WithStore(p.store).WithTransaction(p.txn).
		WithInput(in.term()).WithBaseCache(p.data).WithVirtualCache(rules).WithCancel(cancel).WithMetrics(noMetrics).WithIndexing(true).WithEarlyExit(true)
	var out *ast.Term
	err := q.Iter(ctx, func(r topdown.QueryResult) error {
		out = r[answer]
		return nil
	})
	if err == nil {
		rules.settle(in)
	}
	return out, err
}

// errFound ends a query at its first answer.
var errFound = errors.New("found")

// holds tells whether a query has an answer.
func (p *program) holds(ctx context.Context, query ast.Body, in *Input, deadline time.Duration) (bool, error) {
	p.count.Add(1)
	cancel := topdown.NewCancel()
	defer time.AfterFunc(deadline, cancel.Cancel).Stop()
	err := topdown.NewQuery(query).WithCompiler(p.compiler).WithStore(p.store).WithTransaction(p.txn).WithInput(in.term()).
		WithBaseCache(p.data).WithCancel(cancel).WithMetrics(noMetrics).Iter(ctx, func(topdown.QueryResult) error { return errFound })
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

var noMetrics = metrics.NoOp()
