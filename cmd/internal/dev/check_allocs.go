package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// gatedRooms have a promise about allocations in DESIGN's table of targets,
// and so must have a test that counts them.
var gatedRooms = []string{"engine", "facts"}

// checkAllocations runs the tests that count allocations one after another,
// uncached: a neighbour's goroutines would be counted too.
func checkAllocations(ctx context.Context) error {
	gates, err := testFuncs(func(fn *ast.FuncDecl) bool {
		return strings.HasPrefix(fn.Name.Name, "Test") && countsAllocations(fn)
	})
	if err != nil {
		return err
	}
	byDir := map[string][]string{}
	for _, g := range gates {
		byDir[g.Dir] = append(byDir[g.Dir], g.Name)
	}
	var errs []error
	for _, room := range gatedRooms {
		if byDir[room] == nil {
			errs = append(errs, fmt.Errorf("%s has no test with testing.AllocsPerRun or AllocsPerOp", room))
		}
	}
	for dir, names := range byDir {
		slices.Sort(names)
		fmt.Printf("%s: %s\n", dir, strings.Join(names, " "))
		errs = append(errs, goTest(ctx, "-p=1", "-count=1", "-run=^("+strings.Join(names, "|")+")$", "./"+dir))
	}
	return errors.Join(errs...)
}

func countsAllocations(fn *ast.FuncDecl) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			found = found || sel.Sel.Name == "AllocsPerRun" || sel.Sel.Name == "AllocsPerOp"
		}
		return !found
	})
	return found
}
