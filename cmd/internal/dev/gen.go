package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"github.com/lullhq/lull/cmd/internal/dev/arch"
)

func cmdGen(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("gen", flag.ContinueOnError)
	check := fs.Bool("check", false, "write nothing; fail when a file is out of date")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *check {
		return checkGenerated(ctx)
	}
	return generate(ctx, "-update")
}

// checkGenerated runs the generators without the flag that lets them write:
// then they compare.
func checkGenerated(ctx context.Context) error {
	if err := generate(ctx); err != nil {
		return fmt.Errorf("%w\nif that is what you mean, run: go run ./cmd/internal/dev gen", err)
	}
	return nil
}

// generate runs the packages that make committed files out of code: manuals,
// schemas, goldens. Each does it in a test with a flag -update, so that what
// is made is known in its own room only.
func generate(ctx context.Context, flags ...string) error {
	dirs, err := generators()
	if err != nil {
		return err
	}
	if len(dirs) == 0 {
		return errors.New("no test has a flag -update")
	}
	fmt.Println("packages:", strings.Join(dirs, " "))
	return sh(ctx, nil, "go", slices.Concat([]string{"test"}, dirs, flags)...)
}

// generators are the packages whose tests define the flag -update.
func generators() ([]string, error) {
	tree, err := arch.Load(".")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, f := range tree.Files {
		if f.Test && definesUpdate(f.AST) {
			dirs = append(dirs, "./"+f.Dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

func definesUpdate(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return !found
		}
		fn, isSel := call.Fun.(*ast.SelectorExpr)
		name, isLit := call.Args[0].(*ast.BasicLit)
		found = found || isSel && isLit && fn.Sel.Name == "Bool" && name.Value == `"update"`
		return !found
	})
	return found
}
