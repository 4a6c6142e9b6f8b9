package engine

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// alternative is one way to meet a condition: comparisons that must all hold.
type alternative struct {
	parts  []comparison
	opaque bool // something in it is not a plain comparison
}

// comparison is path op value, as facts.presence.idle_seconds >= 1200.
type comparison struct {
	path  string  // below input; "" when the expression is not a plain comparison
	ref   ast.Ref // the same
	op    string
	value *ast.Term
	whole bool      // true for whole numbers only; of others only OPA can tell
	text  string    // of a plain comparison; see words
	expr  *ast.Expr // of what is no plain comparison
}

// words is the expression as a person would have written it, as far as what
// partial evaluation leaves can look like that.
func (c comparison) words() string {
	if c.expr == nil {
		return c.text
	}
	text := c.expr.String()
	if pretty, err := format.Ast(c.expr); err == nil {
		text = string(pretty)
	}
	text = lineBreaks().ReplaceAllStringFunc(text, func(at string) string {
		switch around := strings.TrimSpace(at); around {
		case "":
			return "; "
		case "]", "}", ")":
			return " " + around
		default:
			return around + " "
		}
	})
	return localNames().ReplaceAllString(strings.ReplaceAll(text, "input.", ""), "x$1")
}

// lineBreaks are those of formatted Rego, with a bracket before or behind.
var lineBreaks = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[|{\[(]?\s*\n\s*[\]})]?`) })

// volatile are the sections that can change while an action waits, static the
// facts among them that do not, as far as a wait is long. moving is what goes
// with the clock inside the other sections: unknown only for re-checks, since an
// explanation reads better with the deadline of this moment worked in.
var (
	volatile = []string{"facts", "meta", "control", "clock", "trust", "running", "sandbox"}
	static   = []string{"facts.cpu.cores", "facts.storage.rotational", "facts.host.virtual"}
	moving   = unknowns(movingPaths...)
)

var movingPaths = []string{"update.deadline_in_seconds", "update.waited_seconds", "updater.failures"}

// volatileReads returns what the policies read and can change, as unknowns for
// partial evaluation.
func volatileReads(reads []string) []*ast.Term {
	var out []string
	for _, path := range reads {
		section, _, _ := strings.Cut(path, ".")
		switch {
		case section == "meta" || path == "":
			out = append(out, "meta") // its keys hold dots, so paths below it are not to be cut
		case slices.Contains(volatile, section) && !slices.Contains(static, path):
			out = append(out, path)
		}
	}
	if slices.Contains(reads, "") {
		out = volatile
	}
	return unknowns(slices.Compact(out)...)
}

func unknowns(paths ...string) []*ast.Term {
	out := make([]*ast.Term, 0, len(paths))
	for _, p := range paths {
		out = append(out, ast.NewTerm(pathRef(p)))
	}
	return out
}

// residualDeadline bounds one partial evaluation; a condition that takes longer
// counts as one that cannot be compiled. Tests on a loaded machine have more.
var residualDeadline = 100 * time.Millisecond

// leisure is the key of another bound in a context, for who is not in a hurry.
type leisure struct{}

// alternatives partially evaluates one condition with everything volatile
// unknown and the action, update and updater known.
func (g *Generation) alternatives(ctx context.Context, condition string, in *Input, unknown []*ast.Term) ([]alternative, error) {
	g.prog.count.Add(1)
	cancel := topdown.NewCancel()
	deadline := residualDeadline
	if d, ok := ctx.Value(leisure{}).(time.Duration); ok {
		deadline = d
	}
	defer time.AfterFunc(deadline, cancel.Cancel).Stop()
	bodies, _, err := topdown.NewQuery(metQuery(condition)).WithCompiler(g.prog.compiler).WithStore(g.prog.store).WithTransaction(g.prog.txn).
		WithBaseCache(g.prog.data).WithInput(in.term()).WithUnknowns(unknown).WithCancel(cancel).WithMetrics(noMetrics).PartialRun(ctx)
	if err != nil {
		return nil, err
	}
	var alts []alternative
	for _, body := range bodies {
		alts = append(alts, readAlternative(body))
	}
	return alts, nil
}

// metQuery asks for one condition. A reference without variables is all that a
// query compiler would make of it.
func metQuery(condition string) ast.Body {
	ref := ast.Ref{ast.DefaultRootDocument, ast.StringTerm("eligibility"), ast.StringTerm("met"), ast.StringTerm(condition)}
	return ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))
}

func readAlternative(body ast.Body) alternative {
	alt := alternative{}
	for _, e := range body {
		if t, ok := e.Terms.(*ast.Term); ok && !e.Negated && t.Equal(ast.InternedTerm(true)) {
			continue
		}
		c := readComparison(e)
		alt.opaque = alt.opaque || c.path == ""
		alt.parts = append(alt.parts, c)
	}
	return alt
}

// localNames are what the compiler calls local variables.
var localNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`__local(\d+)__\d*`) })

var flipped = map[string]string{"gte": "<=", "lte": ">=", "gt": "<", "lt": ">", "equal": "==", "eq": "==", "neq": "!="}
var plain = map[string]string{"gte": ">=", "lte": "<=", "gt": ">", "lt": "<", "equal": "==", "eq": "==", "neq": "!=", "internal.member_2": "in"}

// readComparison recognises a comparison of one input with a constant, also
// where a whole number is added to it or taken from it.
func readComparison(e *ast.Expr) comparison {
	c := comparison{expr: e}
	if e.Negated || !e.IsCall() || len(e.Operands()) != 2 {
		return c
	}
	a, b, ops := e.Operand(0), e.Operand(1), plain
	if ast.IsConstant(a.Value) {
		a, b, ops = b, a, flipped
	}
	op := ops[e.Operator().String()]
	if !ast.IsConstant(b.Value) || op == "" {
		return c
	}
	exact := false
	if sum, ok := a.Value.(ast.Call); ok {
		if a, b, exact = solved(sum, b); !exact {
			return c
		}
	}
	ref, ok := a.Value.(ast.Ref)
	if !ok || len(ref) < 2 || !ref.IsGround() || !ref[0].Equal(ast.InputRootDocument) {
		return c
	}
	c.path, _ = inputPath(ref)
	c.ref, c.op, c.value, c.whole, c.expr = ref, op, b, exact, nil
	c.text = c.path + " " + c.op + " " + b.String()
	return c
}

// solved moves the constant of x + n, n + x or x - n to the other side. Only
// whole numbers that are far from the limits move: for them the comparison stays
// the same to the last digit.
func solved(sum ast.Call, other *ast.Term) (x, moved *ast.Term, ok bool) {
	if len(sum) != 3 {
		return nil, nil, false
	}
	op, x, n := sum[0].String(), sum[1], sum[2]
	if op == "plus" && ast.IsConstant(x.Value) {
		x, n = n, x
	}
	c, ok1 := wholeNumber(n.Value)
	o, ok2 := wholeNumber(other.Value)
	if !ok1 || !ok2 || op != "plus" && op != "minus" {
		return nil, nil, false
	}
	if op == "plus" {
		c = -c
	}
	return x, wholeTerm(o + c), true
}

// wholeNumber reads an integer of at most 2^60.
func wholeNumber(v ast.Value) (int64, bool) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, false
	}
	i, ok := n.Int64()
	return i, ok && i > -1<<60 && i < 1<<60
}

// holds evaluates the comparison on an input; false when the path is absent.
func (c comparison) holds(in *Input) bool {
	if c.path == "" {
		return false
	}
	v := in.find(c.ref)
	return v != nil && c.compare(v) == yes
}

// compare is compare for the comparison's own operator and constant.
func (c comparison) compare(v ast.Value) truth {
	if _, ok := wholeNumber(v); c.whole && !ok {
		return maybe
	}
	return compare(v, c.op, c.value.Value)
}

// find returns the value at a reference below input, nil when it is absent.
func (in *Input) find(ref ast.Ref) ast.Value {
	name, _ := ref[1].Value.(ast.String)
	i := sectionIndex(string(name))
	if i < 0 || in.section(i) == nil {
		return nil
	}
	v, err := in.section(i).Value.Find(ref[2:])
	if err != nil {
		return nil
	}
	return v
}

// lookup returns the term at a dotted path, nil when it is absent.
func (in *Input) lookup(path string) *ast.Term {
	first, rest, _ := strings.Cut(path, ".")
	i := sectionIndex(first)
	if i < 0 {
		return nil
	}
	at := in.section(i)
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
