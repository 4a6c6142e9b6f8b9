package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Check applies every rule.
func (t *Tree) Check() []Violation {
	return slices.Concat(t.TopLevel(), t.Imports(), t.Calls(), t.Docs(), t.Text())
}

// TopLevel compares the root with [TopLevelNames].
func (t *Tree) TopLevel() []Violation {
	entries, err := os.ReadDir(t.Root)
	if err != nil {
		return []Violation{{File: t.Root, Text: err.Error()}}
	}
	var out []Violation
	missing := slices.Clone(TopLevelNames)
	for _, e := range entries {
		name := e.Name()
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == name })
		if !strings.HasPrefix(name, ".") && !slices.Contains(TopLevelNames, name) {
			out = append(out, Violation{File: name, Text: "does not belong in the root of the repository; move it into its room"})
		}
	}
	for _, m := range missing {
		out = append(out, Violation{File: m, Text: "is missing in the root of the repository"})
	}
	return out
}

// Imports applies [Import] to every file.
func (t *Tree) Imports() []Violation {
	var out []Violation
	for _, f := range t.Files {
		for _, spec := range f.AST.Imports {
			pkg, _ := strconv.Unquote(spec.Path.Value) // the parser accepted it
			if why := Import(f.Dir, f.Test, pkg); why != "" {
				out = append(out, t.at(f, spec.Pos(), "%s may not import %s: %s", f.Dir, pkg, why))
			}
		}
	}
	return out
}

// Calls finds the [Starters] outside their room.
func (t *Tree) Calls() []Violation {
	var out []Violation
	for _, f := range t.Files {
		if f.Test || inside(f.Dir, []string{"runner/execute", devRoom}) {
			continue
		}
		names := starterNames(f.AST)
		ast.Inspect(f.AST, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(names[x.Name], sel.Sel.Name) {
				out = append(out, t.at(f, sel.Pos(), "%s.%s starts a program outside runner/execute", x.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return out
}

// starterNames maps the local names of the imported packages to their starters.
func starterNames(f *ast.File) map[string][]string {
	names := map[string][]string{}
	for _, spec := range f.Imports {
		pkg, _ := strconv.Unquote(spec.Path.Value) // the parser accepted it
		name := pkg[strings.LastIndex(pkg, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if starters := Starters[pkg]; starters != nil {
			names[name] = starters
		}
	}
	return names
}

// Docs finds packages without a package comment.
func (t *Tree) Docs() []Violation {
	documented := map[string]bool{}
	var dirs []string
	for _, f := range t.Files {
		if _, seen := documented[f.Dir]; !seen {
			dirs = append(dirs, f.Dir)
		}
		documented[f.Dir] = documented[f.Dir] || f.AST.Doc != nil && strings.TrimSpace(f.AST.Doc.Text()) != ""
	}
	var out []Violation
	for _, d := range dirs {
		if !documented[d] {
			out = append(out, Violation{File: d, Text: "has no package comment; say in doc.go what the package is for"})
		}
	}
	return out
}

// unwanted are texts that no committed file may hold. They are put together
// here from parts, because this file is checked too.
var unwanted = []struct{ re, why string }{
	{`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`, "finish it, or file an issue"},
	{`/work/` + `(main|in|shared|steering)\b|/far` + `m/|/tmp/` + `(plan|tools)\b|/root/` + `(go|\.cache|\.pyenv)`, "a path of one machine"},
	{`https?://(deb|registry|sum)\.`, "the host of a package registry"},
	{`\b(proxy|sum)\.go` + `lang\.org|deb\.deb` + `ian\.org|registry\.npm` + `js\.org|pypi\.` + `org`, "the host of a package registry"},
}

// Text finds what no committed file may hold. Binary files, and go.sum, which
// only lists modules, are left out.
func (t *Tree) Text() []Violation {
	var out []Violation
	for _, rel := range t.Texts {
		if rel == "go.sum" {
			continue
		}
		data, err := t.Read(rel)
		if err != nil {
			out = append(out, Violation{File: rel, Text: err.Error()})
			continue
		}
		if bytes.IndexByte(data, 0) < 0 {
			out = append(out, lines(rel, data)...)
		}
	}
	return out
}

var unwantedRE = compile()

func compile() []*regexp.Regexp {
	res := make([]*regexp.Regexp, len(unwanted))
	for i, u := range unwanted {
		res[i] = regexp.MustCompile(u.re)
	}
	return res
}

func lines(rel string, data []byte) []Violation {
	var out []Violation
	for i, re := range unwantedRE {
		for _, at := range re.FindAllIndex(data, -1) {
			out = append(out, Violation{File: rel, Line: 1 + bytes.Count(data[:at[0]], []byte("\n")),
				Text: fmt.Sprintf("holds %q: %s", data[at[0]:at[1]], unwanted[i].why)})
		}
	}
	return out
}
