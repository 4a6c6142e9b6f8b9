package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/lullhq/lull/engine/internal/plan"
)

// Decide asks the policies in force about one action. It never fails: a
// policy that fails, takes longer than the deadline or answers oddly gives a wait
// for policy_error or policy_timeout, and Error says why. That the input fits
// its schema is [Engine.ParseInput]'s and [Engine.Validate]'s to say.
func (e *Engine) Decide(ctx context.Context, in *Input) Decision {
	g := e.gen.Load()
	if g.prog.decided.Add(1) == 2 { // the first is all that many a process asks
		e.makePlan(ctx, g)
	}
	return g.decide(ctx, in, e.opt.Deadline)
}

// Confirmed is a decision to run that OPA's own evaluator has taken. Only
// [Engine.Confirm] makes one that says run: what wants one to start cannot be
// started without.
type Confirmed struct{ decision Decision }

// Decision is what was decided.
func (c *Confirmed) Decision() Decision { return c.decision }

// Confirm is Decide by OPA's own evaluator, without the plan: what is asked last,
// before anything starts. Only a run is confirmed; else the second is nil. A plan that
// says otherwise is wrong, and decides no more.
func (e *Engine) Confirm(ctx context.Context, in *Input) (Decision, *Confirmed) {
	g := e.gen.Load()
	d := g.decideBy(func() (*ast.Term, error) { return g.prog.eval(ctx, g.prog.query, in, e.opt.Deadline) }, e.opt.Deadline)
	if d.Verdict == Run {
		return d, &Confirmed{d}
	}
	if g.prog.plan.Load() == nil || d.Error != "" {
		return d, nil
	}
	if planned := g.decide(ctx, in, e.opt.Deadline); planned.Error == "" && planned.Verdict != d.Verdict {
		g.prog.plan.Store(nil)
		e.log.Error("the plan of the policies decides otherwise than they do; please report it with the policies; they are evaluated without it from now on",
			"planned", planned.Verdict, "decision", d.Verdict, "policy", g.digest)
	}
	return d, nil
}

// makePlan has the policies of a generation planned, once. Without a plan they
// decide the same, in several times the time.
func (e *Engine) makePlan(ctx context.Context, g *Generation) {
	g.prog.planning.Do(func() {
		p, err := g.prog.newPlan(ctx)
		if err != nil {
			e.log.Info("the policies cannot be planned; each decision takes longer", "err", err)
			return
		}
		g.prog.plan.Store(p)
	})
}

func (p *program) newPlan(ctx context.Context) (*plan.Plan, error) {
	from := plan.Source{Compiler: p.compiler, Store: p.store, Transaction: p.txn, Data: p.data.root}
	return plan.New(context.WithoutCancel(ctx), from, string(answer)+" = "+entrypoint)
}

func (g *Generation) decide(ctx context.Context, in *Input, deadline time.Duration) Decision {
	return g.decideBy(func() (*ast.Term, error) { return g.prog.decision(ctx, in, deadline) }, deadline)
}

// decideBy makes a decision of what ask gets.
func (g *Generation) decideBy(ask func() (*ast.Term, error), deadline time.Duration) (d Decision) {
	defer func() {
		if r := recover(); r != nil {
			d = failure(PolicyError, fmt.Sprintf("the evaluator panicked: %v", r))
		}
		d.PolicyDigest = g.digest
	}()
	t, err := ask()
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

// decision is what the entry point comes to, by the plan where there is one; nil is
// undefined.
func (p *program) decision(ctx context.Context, in *Input, deadline time.Duration) (*ast.Term, error) {
	byPlan := p.plan.Load()
	if byPlan == nil {
		return p.eval(ctx, p.query, in, deadline)
	}
	p.count.Add(1)
	answers, err := byPlan.Eval(ctx, in.term(), deadline)
	if err != nil || len(answers) == 0 {
		return nil, err
	}
	return answers[0].Get(answerTerm), nil
}

func unanswered(deadline time.Duration) string {
	return fmt.Sprintf("the policies did not answer within %v", deadline)
}

// answer is the variable of every compiled query.
const answer = ast.Var("x")

var answerTerm = ast.StringTerm(string(answer))

// eval runs a compiled query that binds x, and returns x; nil is undefined.
func (p *program) eval(ctx context.Context, query ast.Body, in *Input, deadline time.Duration) (*ast.Term, error) {
	var out *ast.Term
	err := p.answers(ctx, query, in, deadline, func(r topdown.QueryResult) error {
		out = r[answer]
		return nil
	})
	return out, err
}

// errFound ends a query at its first answer.
var errFound = errors.New("found")

// holds tells whether a query has an answer.
func (p *program) holds(ctx context.Context, query ast.Body, in *Input, deadline time.Duration) (bool, error) {
	err := p.answers(ctx, query, in, deadline, func(topdown.QueryResult) error { return errFound })
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

// answers has OPA's evaluator give each answer of a query.
func (p *program) answers(ctx context.Context, query ast.Body, in *Input, deadline time.Duration, each func(topdown.QueryResult) error) error {
	p.count.Add(1)
	cancel := topdown.NewCancel()
	defer time.AfterFunc(deadline, cancel.Cancel).Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	return topdown.NewQuery(query).WithCompiler(p.compiler).WithStore(p.store).WithTransaction(p.txn).
		WithInput(in.term()).WithBaseCache(p.data).WithCancel(cancel).WithMetrics(noMetrics).WithIndexing(true).WithEarlyExit(true).
		Iter(ctx, each)
}

var noMetrics = metrics.NoOp()
