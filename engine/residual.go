package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// alternative is one way to meet a condition: comparisons that must all hold.
type alternative struct {
	parts  []comparison
	opaque bool // something in it is not a plain comparison
}

// comparison is path op value, as facts.presence.idle_seconds >= 1200.
type comparison struct {
	path  string // below input; "" when the expression is not a plain comparison
	op    string
	value *ast.Term
	text  string
}

// volatile are the sections that can change while an action waits.
var volatile = []string{"input.facts", "input.control", "input.clock", "input.trust", "input.running", "input.sandbox"}

// alternatives partially evaluates one condition with everything volatile
// unknown and the action, update and updater known.
func (g *Generation) alternatives(ctx context.Context, condition string, in *Input) ([]alternative, error) {
	queries, err := g.prog.partial(ctx, condition, in)
	if err != nil {
		return nil, err
	}
	var alts []alternative
	for _, body := range queries {
		alt := alternative{}
		for _, e := range body {
			c := readComparison(e)
			alt.opaque = alt.opaque || c.path == ""
			alt.parts = append(alt.parts, c)
		}
		alts = append(alts, alt)
	}
	return alts, nil
}

var flipped = map[string]string{"gte": "<=", "lte": ">=", "gt": "<", "lt": ">", "equal": "==", "eq": "=="}
var plain = map[string]string{"gte": ">=", "lte": "<=", "gt": ">", "lt": "<", "equal": "==", "eq": "=="}

// readComparison recognises a comparison of one input with a constant.
func readComparison(e *ast.Expr) comparison {
	c := comparison{text: strings.ReplaceAll(e.String(), "input.", "")}
	if e.Negated || !e.IsCall() || len(e.Operands()) != 2 {
		return c
	}
	op := e.Operator().String()
	a, b := e.Operand(0), e.Operand(1)
	ops := plain
	if ref, ok := b.Value.(ast.Ref); ok && ref[0].Equal(ast.InputRootDocument) {
		a, b, ops = b, a, flipped
	}
	ref, ok := a.Value.(ast.Ref)
	if !ok || !ref.IsGround() || !ref[0].Equal(ast.InputRootDocument) || !ast.IsConstant(b.Value) || ops[op] == "" {
		return c
	}
	c.path, _ = inputPath(ref)
	c.op, c.value = ops[op], b
	c.text = c.path + " " + c.op + " " + b.String()
	return c
}

// holds evaluates the comparison on an input; false when the path is absent.
func (c comparison) holds(in *Input) bool {
	v := in.lookup(c.path)
	if v == nil || c.path == "" {
		return false
	}
	if c.op == "==" {
		return v.Equal(c.value)
	}
	if ast.ValueName(v.Value) != ast.ValueName(c.value.Value) {
		return false
	}
	n := v.Value.Compare(c.value.Value)
	switch c.op {
	case ">=":
		return n >= 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n < 0
}

// lookup returns the term at a dotted path, nil when it is absent.
func (in *Input) lookup(path string) *ast.Term {
	first, rest, _ := strings.Cut(path, ".")
	var at *ast.Term
	for _, m := range in.members() {
		if m.key.Value.Compare(ast.String(first)) == 0 {
			at = m.sec.term
		}
	}
	for rest != "" && at != nil {
		first, rest, _ = strings.Cut(rest, ".")
		obj, ok := at.Value.(ast.Object)
		if !ok {
			return nil
		}
		at = obj.Get(ast.StringTerm(first))
	}
	return at
}

// unmetParts are the comparisons of an alternative that do not hold.
func (a alternative) unmetParts(in *Input) []comparison {
	return slices.DeleteFunc(slices.Clone(a.parts), func(c comparison) bool { return c.holds(in) })
}

type residualCache struct{}

// partial evaluates one condition as far as it can without what is volatile.
func (p *program) partial(ctx context.Context, condition string, in *Input) ([]ast.Body, error) {
	body, err := p.compileQuery(fmt.Sprintf("data.eligibility.met[%q]", condition))
	if err != nil {
		return nil, err
	}
	var unknowns []*ast.Term
	for _, v := range volatile {
		unknowns = append(unknowns, ast.MustParseTerm(v))
	}
	bodies, _, err := topdown.NewQuery(body).WithCompiler(p.compiler).WithStore(p.store).WithTransaction(p.txn).
		WithInput(in.term()).WithUnknowns(unknowns).WithMetrics(noMetrics).PartialRun(ctx)
	return bodies, err
}
