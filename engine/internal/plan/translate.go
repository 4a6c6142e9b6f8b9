package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

// translate makes instructions of a plan.
func translate(policy *ir.Policy) (*Plan, error) {
	t := translator{policy: policy, functions: map[string]*function{}, builtins: map[string]*types.Function{}}
	for _, s := range policy.Static.Strings {
		t.strings = append(t.strings, ast.StringTerm(s.Value))
	}
	for _, b := range policy.Static.BuiltinFuncs {
		t.builtins[b.Name] = b.Decl
	}
	out := &Plan{paths: map[string]*function{}}
	for i, f := range policy.Funcs.Funcs {
		fn := &function{index: i, params: f.Params, keeps: len(f.Params) == 2}
		out.functions = append(out.functions, fn)
		out.paths[strings.Join(f.Path, "\x00")] = fn
		t.functions[f.Name] = fn
	}
	for i, f := range policy.Funcs.Funcs {
		if err := t.function(out.functions[i], f); err != nil {
			return nil, fmt.Errorf("plan of %s: %w", f.Name, err)
		}
		out.locals += out.functions[i].locals
	}
	query := &ir.Func{Params: []ir.Local{ir.Input, ir.Data}, Blocks: policy.Plans.Plans[0].Blocks}
	out.query = &function{params: query.Params}
	if err := t.function(out.query, query); err != nil {
		return nil, fmt.Errorf("plan of the query: %w", err)
	}
	out.locals += out.query.locals
	return out, nil
}

type translator struct {
	policy    *ir.Policy
	strings   []*ast.Term
	builtins  map[string]*types.Function
	functions map[string]*function

	conflict string // the error when the bodies of this rule do not agree
	locals   int
	makes    map[ir.Local]int // statements that begin a collection in a local
	adds     map[ir.Local]int // statements that add to it
	ofData   map[ir.Local]bool
	unknown  error
}

func (t *translator) function(to *function, f *ir.Func) error {
	name := strings.TrimPrefix(f.Name, "g0.")
	t.conflict = "rule " + name + " produced conflicting values"
	if len(f.Params) > 2 {
		t.conflict = "function " + name + " produced conflicting values for the same inputs"
	}
	t.locals, t.makes, t.adds, t.ofData = int(f.Return)+1, map[ir.Local]int{}, map[ir.Local]int{}, map[ir.Local]bool{}
	for _, p := range f.Params {
		t.local(p)
	}
	t.survey(f.Blocks)
	for l := range t.adds {
		if t.makes[l] == 0 {
			return fmt.Errorf("local %d is added to, but made elsewhere", l)
		}
	}
	var err error
	if to.blocks, err = t.blocks(f.Blocks); err != nil {
		return err
	}
	to.locals = t.locals
	return nil
}

// survey counts what makes and what changes collections.
func (t *translator) survey(blocks []*ir.Block) {
	for _, b := range blocks {
		for _, s := range b.Stmts {
			switch s := s.(type) {
			case *ir.MakeArrayStmt:
				t.makes[s.Target]++
			case *ir.MakeObjectStmt:
				t.makes[s.Target]++
			case *ir.MakeSetStmt:
				t.makes[s.Target]++
			case *ir.ArrayAppendStmt:
				t.adds[s.Array]++
			case *ir.ObjectInsertStmt:
				t.adds[s.Object]++
			case *ir.ObjectInsertOnceStmt:
				t.adds[s.Object]++
			case *ir.SetAddStmt:
				t.adds[s.Set]++
			case *ir.BlockStmt:
				t.survey(s.Blocks)
			case *ir.ScanStmt:
				t.survey([]*ir.Block{s.Block})
			case *ir.NotStmt:
				t.survey([]*ir.Block{s.Block})
			case *ir.WithStmt:
				t.survey([]*ir.Block{s.Block})
			}
		}
	}
}

// local counts the locals of a function.
func (t *translator) local(l ir.Local) int {
	t.locals = max(t.locals, int(l)+1)
	return int(l)
}

func (t *translator) operand(o ir.Operand) operand {
	switch v := o.Value.(type) {
	case ir.Local:
		return operand{local: t.local(v)}
	case ir.StringIndex:
		return operand{constant: t.strings[v]}
	case ir.Bool:
		return operand{constant: ast.InternedTerm(bool(v))}
	}
	t.unknown = fmt.Errorf("unknown operand %T", o.Value)
	return operand{}
}

func (t *translator) operands(in []ir.Operand) []operand {
	out := make([]operand, 0, len(in))
	for _, o := range in {
		out = append(out, t.operand(o))
	}
	return out
}

func (t *translator) blocks(in []*ir.Block) (out []block, err error) {
	for _, b := range in {
		o, err := t.block(b)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (t *translator) block(b *ir.Block) (out block, err error) {
	for i := 0; i < len(b.Stmts); i++ {
		if in, n := t.constant(b.Stmts[i:]); n > 0 {
			out = append(out, in)
			i += n - 1
			continue
		}
		in, n, err := t.statement(b.Stmts[i:])
		if err == nil {
			err = t.unknown
		}
		if err != nil {
			return nil, err
		}
		if in != nil {
			out = append(out, in)
		}
		i += n - 1
	}
	return out, nil
}

// constant makes a set that is spelled out in the rule once, instead of each time:
// the n statements that make it, when nothing else adds to it.
func (t *translator) constant(stmts []ir.Stmt) (in instruction, n int) {
	begin, ok := stmts[0].(*ir.MakeSetStmt)
	if !ok || t.makes[begin.Target] != 1 {
		return nil, 0
	}
	set, numbers := ast.NewSet(), map[ir.Local]*ast.Term{}
	var others block
	added := 0
	for n = 1; n < len(stmts) && added < t.adds[begin.Target]; n++ {
		switch s := stmts[n].(type) {
		case *ir.MakeNumberRefStmt:
			numbers[s.Target] = t.number(s)
			others = append(others, &assign{operand{constant: numbers[s.Target]}, t.local(s.Target)})
		case *ir.SetAddStmt:
			v := t.operand(s.Value)
			if l, ok := s.Value.Value.(ir.Local); ok {
				v.constant = numbers[l]
			}
			if s.Set != begin.Target || v.constant == nil {
				return nil, 0
			}
			set.Add(v.constant)
			added++
		default:
			return nil, 0
		}
	}
	if added != t.adds[begin.Target] {
		return nil, 0
	}
	in = &assign{operand{constant: ast.NewTerm(set)}, t.local(begin.Target)}
	if others != nil {
		in = &nested{[]block{append(others, in)}}
	}
	return in, n
}

func (t *translator) number(s *ir.MakeNumberRefStmt) *ast.Term {
	text, _ := t.strings[s.Index].Value.(ast.String)
	return ast.NewTerm(ast.Number(text))
}

// statement translates the first of stmts, or as many as n tells. Statements that
// do nothing give no instruction.
func (t *translator) statement(stmts []ir.Stmt) (in instruction, n int, err error) {
	switch s := stmts[0].(type) {
	case *ir.NopStmt:
	case *ir.CallStmt:
		return t.call(s, stmts[1:])
	case *ir.CallDynamicStmt:
		args := make([]operand, 0, len(s.Args))
		for _, a := range s.Args {
			args = append(args, operand{local: t.local(a)})
		}
		in = &callDynamic{t.operands(s.Path), args, t.local(s.Result)}
	case *ir.BlockStmt:
		blocks, err := t.blocks(s.Blocks)
		return &nested{blocks}, 1, err
	case *ir.ScanStmt:
		b, err := t.block(s.Block)
		return &scan{t.local(s.Source), t.local(s.Key), t.local(s.Value), b}, 1, err
	case *ir.NotStmt:
		b, err := t.block(s.Block)
		return &not{b}, 1, err
	case *ir.WithStmt:
		path := make([]*ast.Term, 0, len(s.Path))
		for _, p := range s.Path {
			path = append(path, t.strings[p])
		}
		b, err := t.block(s.Block)
		return &with{t.local(s.Local), path, t.operand(s.Value), b}, 1, err
	case *ir.BreakStmt:
		in = leave(s.Index)
	case *ir.ReturnLocalStmt:
		in = &yield{t.local(s.Source)}
	case *ir.ResultSetAddStmt:
		in = &answer{t.local(s.Value)}
	default:
		for _, kind := range []func(ir.Stmt) instruction{t.value, t.collection, t.test} {
			if in = kind(s); in != nil {
				return in, 1, nil
			}
		}
		err = fmt.Errorf("unknown statement %T", s)
	}
	return in, 1, err
}

// value translates what gives a local its value; nil: it is something else.
func (t *translator) value(s ir.Stmt) instruction {
	switch s := s.(type) {
	case *ir.DotStmt:
		source, _ := s.Source.Value.(ir.Local)
		ofData := source == ir.Data || t.ofData[source]
		t.ofData[s.Target] = ofData
		return &dot{t.operand(s.Source), t.operand(s.Key), t.local(s.Target), ofData}
	case *ir.LenStmt:
		return &length{t.operand(s.Source), t.local(s.Target)}
	case *ir.AssignVarStmt:
		return &assign{t.operand(s.Source), t.local(s.Target)}
	case *ir.AssignVarOnceStmt:
		return &assignOnce{t.operand(s.Source), t.local(s.Target), t.location(s.Location), t.conflict}
	case *ir.AssignIntStmt:
		return &assign{operand{constant: ast.InternedTerm(int(s.Value))}, t.local(s.Target)}
	case *ir.ResetLocalStmt:
		return &reset{t.local(s.Target)}
	case *ir.MakeNullStmt:
		return &assign{operand{constant: ast.InternedNullTerm}, t.local(s.Target)}
	case *ir.MakeNumberIntStmt:
		return &assign{operand{constant: ast.InternedTerm(int(s.Value))}, t.local(s.Target)}
	case *ir.MakeNumberRefStmt:
		return &assign{operand{constant: t.number(s)}, t.local(s.Target)}
	}
	return nil
}

// collection translates what makes arrays, sets and objects.
func (t *translator) collection(s ir.Stmt) instruction {
	switch s := s.(type) {
	case *ir.MakeArrayStmt:
		return &begin{func() ast.Value { return ast.NewArray() }, t.local(s.Target)}
	case *ir.MakeObjectStmt:
		return &begin{func() ast.Value { return ast.NewObject() }, t.local(s.Target)}
	case *ir.MakeSetStmt:
		return &begin{func() ast.Value { return ast.NewSet() }, t.local(s.Target)}
	case *ir.ArrayAppendStmt:
		return &appendTo{t.operand(s.Value), t.local(s.Array)}
	case *ir.SetAddStmt:
		return &add{t.operand(s.Value), t.local(s.Set)}
	case *ir.ObjectInsertStmt:
		return &insert{t.operand(s.Key), t.operand(s.Value), t.local(s.Object), nil}
	case *ir.ObjectInsertOnceStmt:
		return &insert{t.operand(s.Key), t.operand(s.Value), t.local(s.Object), t.location(s.Location)}
	case *ir.ObjectMergeStmt:
		return &mergeInto{t.local(s.A), t.local(s.B), t.local(s.Target)}
	}
	return nil
}

// test translates what leaves the block or goes on.
func (t *translator) test(s ir.Stmt) instruction {
	switch s := s.(type) {
	case *ir.EqualStmt:
		return &equal{t.operand(s.A), t.operand(s.B), true}
	case *ir.NotEqualStmt:
		return &equal{t.operand(s.A), t.operand(s.B), false}
	case *ir.IsArrayStmt:
		return &is{t.operand(s.Source), func(v ast.Value) bool { _, ok := v.(*ast.Array); return ok }}
	case *ir.IsObjectStmt:
		return &is{t.operand(s.Source), func(v ast.Value) bool { _, ok := v.(ast.Object); return ok }}
	case *ir.IsSetStmt:
		return &is{t.operand(s.Source), func(v ast.Value) bool { _, ok := v.(ast.Set); return ok }}
	case *ir.IsDefinedStmt:
		return &defined{t.local(s.Source), true}
	case *ir.IsUndefinedStmt:
		return &defined{t.local(s.Source), false}
	}
	return nil
}

// call translates a call, together with what follows when it is a test that
// stands for itself.
func (t *translator) call(s *ir.CallStmt, then []ir.Stmt) (in instruction, n int, err error) {
	if f := t.functions[s.Func]; f != nil {
		return &call{f, t.operands(s.Args), t.local(s.Result)}, 1, nil
	}
	decl, fn := t.builtins[s.Func], topdown.GetBuiltin(s.Func)
	if decl == nil || fn == nil {
		return nil, 0, errors.New("unknown function " + s.Func)
	}
	if holds := tests[s.Func]; holds != nil && len(s.Args) == 2 && len(then) > 0 {
		test, ok := then[0].(*ir.NotEqualStmt)
		if ok && test.A.Value == s.Result && test.B.Value == ir.Bool(false) {
			return &compares{t.operand(s.Args[0]), t.operand(s.Args[1]), holds, t.local(s.Result)}, 2, nil
		}
	}
	b := ast.BuiltinMap[s.Func]
	if b == nil || b.Nondeterministic {
		return nil, 0, fmt.Errorf("%s: %w", s.Func, ErrNondeterministic)
	}
	return &callBuiltin{fn, t.operands(s.Args), t.local(s.Result), decl.Result() == nil, b.Relation, t.location(s.Location)}, 1, nil
}

// tests are the built-ins that rules ask most: how two values are ordered, which any
// two are, and whether one is in the other.
var tests = map[string]func(a, b *ast.Term) bool{
	ast.GreaterThan.Name:   func(a, b *ast.Term) bool { return ast.Compare(a.Value, b.Value) > 0 },
	ast.GreaterThanEq.Name: func(a, b *ast.Term) bool { return ast.Compare(a.Value, b.Value) >= 0 },
	ast.LessThan.Name:      func(a, b *ast.Term) bool { return ast.Compare(a.Value, b.Value) < 0 },
	ast.LessThanEq.Name:    func(a, b *ast.Term) bool { return ast.Compare(a.Value, b.Value) <= 0 },
	ast.NotEqual.Name:      func(a, b *ast.Term) bool { return ast.Compare(a.Value, b.Value) != 0 },
	ast.Equal.Name:         func(a, b *ast.Term) bool { return ast.Compare(a.Value, b.Value) == 0 },
	ast.Member.Name:        member,
}

func member(x, in *ast.Term) bool {
	switch c := in.Value.(type) {
	case ast.Set:
		return c.Contains(x)
	case *ast.Array:
		return c.Until(x.Equal)
	case ast.Object:
		return c.Until(func(_, v *ast.Term) bool { return x.Equal(v) })
	}
	return false
}

// location is where a statement stands in the rules.
func (t *translator) location(l ir.Location) *ast.Location {
	file := ""
	if l.File >= 0 && l.File < len(t.policy.Static.Files) {
		file = t.policy.Static.Files[l.File].Value
	}
	return ast.NewLocation(nil, file, l.Row, l.Col)
}
