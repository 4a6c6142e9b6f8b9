package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/lullhq/lull/engine/internal/plan"
)

// entrypoint is the one document that lull asks for.
const entrypoint = "data.eligibility.decision"

// policyPackage is the package whose set `met` holds the conditions.
const policyPackage = "data.eligibility"

// parserOptions refuses forbidden built-ins while parsing and keeps METADATA.
func parserOptions() ast.ParserOptions {
	return ast.ParserOptions{Capabilities: capabilities(), ProcessAnnotation: true, RegoVersion: ast.RegoV1}
}

// newCompiler returns a strict compiler. A nil schema checks no input paths.
func newCompiler(schema any, data *node) *ast.Compiler {
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).
		WithUseTypeCheckAnnotations(true).WithDefaultRegoVersion(ast.RegoV1).
		WithPathConflictsCheck(func(path []string) (bool, error) { return data.has(path), nil })
	c.SetErrorLimit(50)
	if schema != nil {
		set := ast.NewSchemaSet()
		set.Put(ast.SchemaRootRef, schema)
		c = c.WithSchemas(set)
	}
	return c
}

func (n *node) has(path []string) bool {
	for _, p := range path {
		if n = n.child(p); n == nil {
			return false
		}
	}
	return true
}

// parseRules parses every rule file, on all processors; all errors of all files
// are reported.
func parseRules(files map[string]file, diags *diagnostics) map[string]*ast.Module {
	type parsed struct {
		module *ast.Module
		err    error
	}
	paths := slices.Sorted(maps.Keys(files))
	results := make([]parsed, len(paths))
	onAllProcessors(len(paths), func(i int) bool {
		f := files[paths[i]]
		results[i].module, results[i].err = ast.ParseModuleWithOpts(f.name(), string(f.content), parserOptions())
		return true
	})
	mods := make(map[string]*ast.Module, len(files))
	for i, p := range paths {
		name := files[p].name()
		if err := results[i].err; err != nil {
			diags.addAST(name, err)
			continue
		}
		mods[name] = results[i].module
	}
	return mods
}

// onAllProcessors does what is to be done for 0 to n-1, begun in this order, and
// waits for it. Once one of them answers no, none is begun any more.
func onAllProcessors(n int, do func(i int) (goOn bool)) {
	var (
		next    atomic.Int64
		stopped atomic.Bool
		workers sync.WaitGroup
	)
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for !stopped.Load() {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				if !do(i) {
					stopped.Store(true)
				}
			}
		})
	}
	workers.Wait()
}

// addAST adds what OPA reports, with the nearest right name as a hint.
func (ds *diagnostics) addAST(file string, err error) {
	var list ast.Errors
	if !errors.As(err, &list) {
		ds.errorf(position{File: file}, "", "%v", err)
		return
	}
	for _, e := range list {
		at := position{File: file}
		if e.Location != nil {
			at = position{cmpOr(e.Location.File, file), e.Location.Row, e.Location.Col}
		}
		msg, hint := describeAST(e)
		ds.errorf(at, hint, "%s", msg)
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func describeAST(e *ast.Error) (msg, hint string) {
	if d, ok := e.Details.(*ast.RefErrInvalidDetail); ok && d.Pos < len(d.Ref) {
		return describeRef(d)
	}
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		if isForbidden(name) {
			return e.Message, "policies may not use the network, the clock or chance; read input.clock and facts instead"
		}
		return e.Message, didYouMean(name, builtinNames(), "")
	}
	if e.Details != nil && e.Code != ast.ParseErr {
		return e.Message + ": " + strings.Join(e.Details.Lines(), " "), ""
	}
	return e.Message, ""
}

func describeRef(d *ast.RefErrInvalidDetail) (msg, hint string) {
	wrong, _ := d.Ref[d.Pos].Value.(ast.String)
	var allowed []string
	for _, v := range d.OneOf {
		if s, ok := v.(ast.String); ok {
			allowed = append(allowed, string(s))
		}
	}
	slices.Sort(allowed)
	msg = fmt.Sprintf("there is no %s", d.Ref[:d.Pos+1])
	if len(allowed) == 0 {
		return msg, ""
	}
	return msg, didYouMean(string(wrong), allowed, fmt.Sprintf("%s has: %s", d.Ref[:d.Pos], strings.Join(allowed, ", ")))
}

func builtinNames() []string {
	names := make([]string, 0, len(capabilities().Builtins))
	for _, b := range capabilities().Builtins {
		names = append(names, b.Name)
	}
	return names
}

// A program is a compiled tree, ready to be queried.
type program struct {
	compiler *ast.Compiler
	store    storage.Store
	txn      storage.Transaction // read-only, never ends: the store never changes
	data     dataCache
	query    ast.Body // x = data.eligibility.decision
	reads    []string

	plan     atomic.Pointer[plan.Plan] // what decides; nil: OPA's evaluator does
	planning sync.Once
	decided  atomic.Uint64 // decisions by [Engine.Decide]

	conditions map[string]conditionReads
	finder     *readFinder   // for who holds the lock of the shapes
	count      atomic.Uint64 // evaluations, whole or partial
}

// compileTree compiles t, and returns the rules as they were written, too; problems
// go to diags, and then the program is nil. The compiler keeps one processor busy:
// meanwhile is called beside it, and has come to its end when compileTree returns.
// It may not look at the rules: OPA sorts the keys of an object when it is first
// walked through, and the compiler copies them.
func compileTree(ctx context.Context, t *tree, s *schema, meanwhile func(), diags *diagnostics) (p *program, mods map[string]*ast.Module) {
	p = &program{compiler: newCompiler(s.forOPA(), t.data)}
	var others sync.WaitGroup
	others.Go(func() { p.compiler.QueryCompiler() }) // makes types of the schema, which takes a while
	mods = parseRules(t.rules, diags)
	if others.Wait(); diags.failed() {
		return nil, nil
	}
	var err error
	others.Go(func() {
		if err = p.open(ctx, t.data); err == nil {
			_, err = s.read()
		}
		if meanwhile != nil {
			meanwhile()
		}
	})
	p.compiler.Compile(mods) // compiles copies
	if others.Wait(); p.compiler.Failed() {
		diags.addAST("", p.compiler.Errors)
		return nil, nil
	}
	if err == nil {
		p.query, err = p.compileQuery("x = " + entrypoint)
	}
	if err != nil {
		diags.errorf(position{}, "", "%v", err)
		return nil, nil
	}
	return p, mods
}

// open readies the data for decisions.
func (p *program) open(ctx context.Context, data *node) (err error) {
	if p.data, err = newDataCache(data); err != nil {
		return err
	}
	p.store = inmem.NewFromObjectWithOpts(jsonObject(data), inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	p.txn, err = p.store.NewTransaction(ctx)
	return err
}

// findReads fills in what no decision needs.
func (p *program) findReads() {
	p.finder = newReadFinder(p.compiler)
	p.conditions = p.finder.readsOfConditions()
	p.reads = p.finder.readsOf(ast.MustParseRef(entrypoint)).sorted()
}

func jsonObject(n *node) map[string]any {
	m, _ := n.value().(map[string]any)
	return m
}

func (p *program) compileQuery(text string) (ast.Body, error) {
	body, err := ast.ParseBodyWithOpts(text, parserOptions())
	if err != nil {
		return nil, err
	}
	return p.compiler.QueryCompiler().Compile(body)
}

// inputPath returns the constant part of a reference below input, dotted.
func inputPath(r ast.Ref) (string, bool) {
	if len(r) == 0 || !r[0].Equal(ast.InputRootDocument) {
		return "", false
	}
	var parts []string
	for _, t := range r[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		parts = append(parts, string(s))
	}
	return strings.Join(parts, "."), true
}

// pathRef is input.PATH as a reference.
func pathRef(path string) ast.Ref {
	ref := ast.Ref{ast.InputRootDocument}
	for key := range strings.SplitSeq(path, ".") {
		ref = append(ref, ast.StringTerm(key))
	}
	return ref
}

// minimalPaths drops what a shorter path already covers.
func minimalPaths(sorted []string) []string {
	var out []string
	for _, p := range sorted {
		covered := slices.ContainsFunc(out, func(o string) bool { return o == "" || strings.HasPrefix(p, o+".") })
		if !covered {
			out = append(out, p)
		}
	}
	return out
}
