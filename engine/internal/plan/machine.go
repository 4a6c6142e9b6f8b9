package plan

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// A machine runs a plan once.
type machine struct {
	plan   *Plan
	cancel topdown.Cancel
	bctx   topdown.BuiltinContext
	stack  []*ast.Term // the locals of all calls; rules do not call themselves, so plan.locals are enough
	top    int
	kept   []outcome // by function, for the input and data of this moment
	added  int       // so many parts were gathered
	result *ast.Term // of the function that just returned
	err    error

	answers []*ast.Term
}

// An outcome is what a rule came to; a nil term is undefined.
type outcome struct {
	known bool
	term  *ast.Term
}

// maxAdded bounds what one evaluation gathers in sets, arrays and objects. No
// honest policy comes near it.
const maxAdded = 1 << 19

var machines = sync.Pool{New: func() any { return &machine{} }}

// Eval runs the plan on an input. Each answer of the query is an object of its
// variables.
func (p *Plan) Eval(ctx context.Context, input *ast.Term, deadline time.Duration) ([]*ast.Term, error) {
	m, _ := machines.Get().(*machine)
	defer m.release()
	m.plan, m.cancel = p, topdown.NewCancel()
	timer := time.AfterFunc(deadline, m.cancel.Cancel)
	defer timer.Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, m.cancel.Cancel)()
	}
	m.bctx = topdown.BuiltinContext{Context: ctx, Metrics: metrics.NoOp(), Cancel: m.cancel, Cache: builtins.Cache{}, Capabilities: p.capabilities}
	if len(m.stack) < p.locals || len(m.kept) < len(p.functions) {
		m.stack, m.kept = make([]*ast.Term, p.locals), make([]outcome, len(p.functions))
	}
	m.call(p.query, []*ast.Term{input, p.data})
	return m.answers, m.err
}

// release forgets everything, for who takes the machine next.
func (m *machine) release() {
	clear(m.stack)
	clear(m.kept)
	*m = machine{stack: m.stack, kept: m.kept}
	machines.Put(m)
}

// call runs a function; nil is undefined, or m.err is set.
func (m *machine) call(f *function, args []*ast.Term) *ast.Term {
	if f.keeps && m.kept[f.index].known {
		return m.kept[f.index].term
	}
	if m.cancel.Cancelled() {
		m.fail(topdown.CancelErr, nil, "caller cancelled query execution")
		return nil
	}
	frame := m.stack[m.top : m.top+f.locals]
	clear(frame)
	for i, p := range f.params {
		frame[p] = args[i]
	}
	m.top += f.locals
	var result *ast.Term
	if m.run(f.blocks, frame) == returned {
		result = m.result
	}
	m.top -= f.locals
	if f.keeps && m.err == nil {
		m.kept[f.index] = outcome{true, result}
	}
	return result
}

func (m *machine) fail(code string, at *ast.Location, message string) {
	m.err = &topdown.Error{Code: code, Message: message, Location: at}
}

// A jump tells where to go after an instruction: on, or out of so many blocks
// more than the one it stands in.
type jump int

const (
	on       jump = -1
	returned jump = -2
	failed   jump = -3
	// undefined leaves the block.
	undefined jump = 0
)

// An instruction works on the locals of one call.
type instruction interface {
	run(m *machine, l []*ast.Term) jump
}

type block []instruction

func (b block) run(m *machine, l []*ast.Term) jump {
	for _, in := range b {
		if j := in.run(m, l); j != on {
			return j
		}
	}
	return on
}

// run runs blocks one after the other; what leaves one goes on with the next.
func (m *machine) run(blocks []block, l []*ast.Term) jump {
	for _, b := range blocks {
		if j := b.run(m, l); j > 0 {
			return j - 1
		} else if j == returned || j == failed {
			return j
		}
	}
	return on
}

// An operand is a constant or a local, which may be undefined.
type operand struct {
	constant *ast.Term
	local    int
}

func (o *operand) of(l []*ast.Term) *ast.Term {
	if o.constant != nil {
		return o.constant
	}
	return l[o.local]
}

// nested are blocks within a block.
type nested struct{ blocks []block }

func (s *nested) run(m *machine, l []*ast.Term) jump { return m.run(s.blocks, l) }

// leave leaves the block it stands in and so many around it.
type leave jump

func (s leave) run(*machine, []*ast.Term) jump { return jump(s) }

// yield returns from the function.
type yield struct{ source int }

func (s *yield) run(m *machine, l []*ast.Term) jump {
	m.result = l[s.source]
	return returned
}

// answer adds to the answers of the query.
type answer struct{ value int }

func (s *answer) run(m *machine, l []*ast.Term) jump {
	m.answers = append(m.answers, l[s.value])
	return m.gathered()
}

// call calls a rule or function.
type call struct {
	function *function
	args     []operand
	result   int
}

func (s *call) run(m *machine, l []*ast.Term) jump {
	var few [4]*ast.Term
	args := few[:0]
	for i := range s.args {
		args = append(args, s.args[i].of(l))
	}
	return m.take(m.call(s.function, args), l, s.result)
}

// take puts what a call came to into a local.
func (m *machine) take(t *ast.Term, l []*ast.Term, to int) jump {
	l[to] = t
	switch {
	case m.err != nil:
		return failed
	case t == nil:
		return undefined
	}
	return on
}

// callDynamic calls the rule whose name is worked out, such as data.a[input.b]. Is
// there none, the block goes on with what data has; is it undefined, so is all.
type callDynamic struct {
	path   []operand
	args   []operand
	result int
}

func (s *callDynamic) run(m *machine, l []*ast.Term) jump {
	names := make([]string, 0, len(s.path))
	for i := range s.path {
		t := s.path[i].of(l)
		if t == nil {
			return undefined
		}
		name, ok := t.Value.(ast.String)
		if !ok {
			return undefined
		}
		names = append(names, string(name))
	}
	f := m.plan.paths[strings.Join(names, "\x00")]
	if f == nil {
		return undefined
	}
	args := make([]*ast.Term, 0, len(s.args))
	for i := range s.args {
		args = append(args, s.args[i].of(l))
	}
	if j := m.take(m.call(f, args), l, s.result); j != undefined {
		return j
	}
	return 3
}

// callBuiltin calls a built-in function.
type callBuiltin struct {
	function topdown.BuiltinFunc
	args     []operand
	result   int
	void     bool // it gives nothing
	relation bool // it gives any number of results, here as an array
	at       *ast.Location
}

func (s *callBuiltin) run(m *machine, l []*ast.Term) jump {
	args := make([]*ast.Term, len(s.args)) // a built-in may keep them
	for i := range s.args {
		if args[i] = s.args[i].of(l); args[i] == nil {
			return undefined
		}
	}
	m.bctx.Location = s.at
	var result *ast.Term
	var all []*ast.Term
	err := s.function(m.bctx, args, func(t *ast.Term) error {
		if s.relation {
			all = append(all, t)
			if m.gathered() == failed {
				return topdown.Halt{Err: m.err}
			}
			return nil
		}
		result = t
		return nil
	})
	if halt, ok := err.(topdown.Halt); ok {
		m.err = halt.Err
		return failed
	}
	switch {
	case s.void:
		return on
	case err != nil: // what a built-in cannot do is undefined
		result = nil
	case s.relation:
		result = ast.ArrayTerm(all...)
	}
	return m.take(result, l, s.result)
}

// compares is a test of two values.
type compares struct {
	a, b   operand
	holds  func(a, b *ast.Term) bool
	result int
}

func (s *compares) run(_ *machine, l []*ast.Term) jump {
	a, b := s.a.of(l), s.b.of(l)
	if a == nil || b == nil || !s.holds(a, b) {
		return undefined
	}
	l[s.result] = ast.InternedTerm(true)
	return on
}

// scan goes through an array, a set or an object.
type scan struct {
	source, key, value int
	block              block
}

func (s *scan) run(m *machine, l []*ast.Term) jump {
	source := l[s.source]
	if source == nil {
		return on
	}
	out := on
	each := func(k, v *ast.Term) (stop bool) {
		if m.cancel.Cancelled() {
			m.fail(topdown.CancelErr, nil, "caller cancelled query execution")
			out = failed
			return true
		}
		l[s.key], l[s.value] = k, v
		switch j := s.block.run(m, l); {
		case j == on || j == undefined:
			return false
		case j == 1: // out of the loop
		case j > 1:
			out = j - 2
		default:
			out = j
		}
		return true
	}
	switch v := source.Value.(type) {
	case *ast.Array:
		for i := range v.Len() {
			if each(ast.InternedTerm(i), v.Elem(i)) {
				break
			}
		}
	case ast.Set:
		v.Until(func(e *ast.Term) bool { return each(e, e) })
	case ast.Object:
		v.Until(each)
	}
	return out
}

// not holds when its block does not come to its end.
type not struct{ block block }

func (s *not) run(m *machine, l []*ast.Term) jump {
	switch j := s.block.run(m, l); {
	case j == on:
		return undefined
	case j > 0:
		return j - 1
	case j == undefined:
		return on
	default:
		return j
	}
}

// with replaces a local, or a part of it, while its block runs. What rules came to
// before does not count meanwhile.
type with struct {
	local int
	path  []*ast.Term
	value operand
	block block
}

func (s *with) run(m *machine, l []*ast.Term) jump {
	was, kept := l[s.local], m.kept
	l[s.local] = replaced(was, s.path, s.value.of(l))
	m.kept = make([]outcome, len(m.plan.functions))
	j := s.block.run(m, l)
	l[s.local], m.kept = was, kept
	if j > 0 {
		return j - 1
	}
	return j // what leaves the block leaves the one around it as undefined
}

// replaced is t with v at a path, where objects are made as needed.
func replaced(t *ast.Term, path []*ast.Term, v *ast.Term) *ast.Term {
	if len(path) == 0 {
		return v
	}
	out := ast.NewObject()
	var below *ast.Term
	if t != nil {
		if o, ok := t.Value.(ast.Object); ok {
			o.Foreach(func(k, e *ast.Term) { out.Insert(k, e) })
			below = o.Get(path[0])
		}
	}
	out.Insert(path[0], replaced(below, path[1:], v))
	return ast.NewTerm(out)
}

// dot looks up a member.
type dot struct {
	source, key operand
	target      int
	ofData      bool // part of a reference to data, whose keys are strings: OPA's store takes a number for one
}

func (s *dot) run(_ *machine, l []*ast.Term) jump {
	source, key := s.source.of(l), s.key.of(l)
	if source == nil || key == nil {
		return undefined
	}
	t := source.Get(key)
	if t == nil && s.ofData {
		if n, ok := key.Value.(ast.Number); ok {
			t = source.Get(ast.StringTerm(n.String()))
		}
	}
	l[s.target] = t
	if t == nil {
		return undefined
	}
	return on
}

type length struct {
	source operand
	target int
}

func (s *length) run(_ *machine, l []*ast.Term) jump {
	n := 0
	if t := s.source.of(l); t != nil {
		if v, ok := t.Value.(interface{ Len() int }); ok {
			n = v.Len()
		}
	}
	l[s.target] = ast.InternedTerm(n)
	return on
}

// equal goes on when two values are the same, or are not; what is undefined is
// neither.
type equal struct {
	a, b operand
	want bool
}

func (s *equal) run(_ *machine, l []*ast.Term) jump {
	a, b := s.a.of(l), s.b.of(l)
	if a == nil || b == nil || a.Equal(b) != s.want {
		return undefined
	}
	return on
}

type assign struct {
	source operand
	target int
}

func (s *assign) run(_ *machine, l []*ast.Term) jump {
	l[s.target] = s.source.of(l)
	return on
}

// assignOnce is how the value of a rule is set: all its bodies must agree.
type assignOnce struct {
	source operand
	target int
	at     *ast.Location
	twice  string // what is wrong when they do not
}

func (s *assignOnce) run(m *machine, l []*ast.Term) jump {
	t := s.source.of(l)
	if was := l[s.target]; was != nil && !was.Equal(t) {
		m.fail(topdown.ConflictErr, s.at, s.twice)
		return failed
	}
	l[s.target] = t
	return on
}

type reset struct{ target int }

func (s *reset) run(_ *machine, l []*ast.Term) jump {
	l[s.target] = nil
	return on
}

// begin makes an empty collection.
type begin struct {
	empty  func() ast.Value
	target int
}

func (s *begin) run(_ *machine, l []*ast.Term) jump {
	l[s.target] = ast.NewTerm(s.empty())
	return on
}

// gathered counts what is added to collections.
func (m *machine) gathered() jump {
	if m.added++; m.added > maxAdded {
		m.fail(topdown.BuiltinErr, nil, "the rules gather more than any honest rule would")
		return failed
	}
	return on
}

type appendTo struct {
	value operand
	array int
}

func (s *appendTo) run(m *machine, l []*ast.Term) jump {
	a, ok := l[s.array].Value.(*ast.Array)
	if !ok {
		return undefined
	}
	l[s.array] = ast.NewTerm(a.Append(s.value.of(l)))
	return m.gathered()
}

type add struct {
	value operand
	set   int
}

func (s *add) run(m *machine, l []*ast.Term) jump {
	set, ok := l[s.set].Value.(ast.Set)
	if !ok {
		return undefined
	}
	set.Add(s.value.of(l))
	return m.gathered()
}

// insert adds a member to an object; once: with another value it is an error.
type insert struct {
	key, value operand
	object     int
	once       *ast.Location
}

func (s *insert) run(m *machine, l []*ast.Term) jump {
	o, ok := l[s.object].Value.(ast.Object)
	if !ok {
		return undefined
	}
	k, v := s.key.of(l), s.value.of(l)
	if s.once != nil {
		if was := o.Get(k); was != nil && !was.Equal(v) {
			m.fail(topdown.ConflictErr, s.once, "object keys must be unique")
			return failed
		}
	}
	o.Insert(k, v)
	return m.gathered()
}

// mergeInto lays one object over another, recursively.
type mergeInto struct{ a, b, target int }

func (s *mergeInto) run(m *machine, l []*ast.Term) jump {
	a, ok1 := l[s.a].Value.(ast.Object)
	b, ok2 := l[s.b].Value.(ast.Object)
	if !ok1 || !ok2 {
		m.fail(topdown.ConflictErr, nil, "object keys must be unique")
		return failed
	}
	merged, ok := a.Merge(b)
	if !ok {
		m.fail(topdown.ConflictErr, nil, "object keys must be unique")
		return failed
	}
	l[s.target] = ast.NewTerm(merged)
	return on
}

// is goes on when a value is of a type.
type is struct {
	source operand
	type_  func(ast.Value) bool
}

func (s *is) run(_ *machine, l []*ast.Term) jump {
	if t := s.source.of(l); t != nil && s.type_(t.Value) {
		return on
	}
	return undefined
}

// defined goes on when a local has a value, or has none.
type defined struct {
	source int
	want   bool
}

func (s *defined) run(_ *machine, l []*ast.Term) jump {
	if (l[s.source] != nil) == s.want {
		return on
	}
	return undefined
}
