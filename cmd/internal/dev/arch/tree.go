package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A Violation is one place that breaks a rule.
type Violation struct {
	File string // relative to the root, with slashes
	Line int    // 0 where the file as a whole is meant
	Text string
}

// String formats the violation as compilers do, so that editors find the place.
func (v Violation) String() string {
	if v.Line == 0 {
		return v.File + ": " + v.Text
	}
	return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.Text)
}

// A File is one parsed Go file.
type File struct {
	Path string // relative to the root, with slashes
	Dir  string
	Test bool
	AST  *ast.File
}

// A Tree is a parsed repository.
type Tree struct {
	Root  string
	Fset  *token.FileSet
	Files []File   // Go files of every platform, without testdata
	Texts []string // every file, relative to the root, with slashes
}

// Load parses the repository in root. Directories whose names start with "."
// or "_" hold no Go files for lull, as for the go command; testdata neither.
func Load(root string) (*Tree, error) {
	t := &Tree{Root: root, Fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		return t.add(filepath.ToSlash(rel), d)
	})
	return t, err
}

func (t *Tree) add(rel string, d fs.DirEntry) error {
	if d.IsDir() {
		if rel == ".git" {
			return fs.SkipDir
		}
		return nil
	}
	if !d.Type().IsRegular() {
		return nil
	}
	t.Texts = append(t.Texts, rel)
	if !strings.HasSuffix(rel, ".go") || hidden(path.Dir(rel)) {
		return nil
	}
	f, err := parser.ParseFile(t.Fset, filepath.Join(t.Root, filepath.FromSlash(rel)), nil,
		parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.Files = append(t.Files, File{Path: rel, Dir: path.Dir(rel), Test: strings.HasSuffix(rel, "_test.go"), AST: f})
	return nil
}

func hidden(dir string) bool {
	for part := range strings.SplitSeq(dir, "/") {
		if part == "testdata" || part != "." && strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_") {
			return true
		}
	}
	return false
}

// Read gives the bytes of one of t.Texts.
func (t *Tree) Read(rel string) ([]byte, error) {
	return os.ReadFile(filepath.Join(t.Root, filepath.FromSlash(rel)))
}

func (t *Tree) at(f File, pos token.Pos, format string, args ...any) Violation {
	return Violation{File: f.Path, Line: t.Fset.Position(pos).Line, Text: fmt.Sprintf(format, args...)}
}
