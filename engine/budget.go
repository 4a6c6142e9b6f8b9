package engine

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// What one call of a built-in may be given. The evaluator looks at its deadline
// between expressions and within loops, but a built-in that has begun is not
// interrupted: a small list of lists that share their parts is gigabytes once it
// is written out. No honest rule comes near these bounds.
const (
	maxOperandBytes = 4 << 20
	maxNumberDigits = 1000 // multiplying squares what adding only doubles
	maxShift        = 4096 // bits.lsh
	maxWidth        = 4096 // of one sprintf verb
)

// A package of one process has one table of built-ins, so all of OPA in it gets
// the bounds.
func init() {
	for _, b := range ast.Builtins {
		if f := topdown.GetBuiltin(b.Name); f != nil && !isForbidden(b.Name) {
			topdown.RegisterBuiltinFunc(b.Name, bounded(b.Name, f))
		}
	}
}

// bounded refuses operands that are too large, which ends the whole evaluation:
// with a result left out, the rest of the rule would mean something else.
func bounded(name string, f topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(bctx topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		left := maxOperandBytes
		for _, a := range args {
			if left -= size(a, left); left < 0 {
				return tooLarge(bctx, name)
			}
		}
		if amplifies(name, args) {
			return tooLarge(bctx, name)
		}
		return f(bctx, args, iter)
	}
}

func tooLarge(bctx topdown.BuiltinContext, name string) error {
	return topdown.Halt{Err: &topdown.Error{Code: topdown.BuiltinErr, Location: bctx.Location,
		Message: fmt.Sprintf("%s: its operands are larger than any honest rule's", name)}}
}

// size is about how many bytes a term takes when it is written out, no longer
// counted than up to limit.
func size(t *ast.Term, limit int) int {
	switch v := t.Value.(type) {
	case ast.String:
		return len(v)
	case ast.Number:
		if len(v) > maxNumberDigits {
			return limit + 1
		}
		return len(v)
	case *ast.Array:
		n := 2
		for i := 0; i < v.Len() && n <= limit; i++ {
			n += 1 + size(v.Elem(i), limit-n)
		}
		return n
	case ast.Set:
		n := 2
		v.Until(func(e *ast.Term) bool {
			n += 1 + size(e, limit-n)
			return n > limit
		})
		return n
	case ast.Object:
		n := 2
		v.Until(func(k, e *ast.Term) bool {
			n += 2 + size(k, limit-n) + size(e, limit-n)
			return n > limit
		})
		return n
	}
	return 5 // null, true, false
}

// amplifies tells the few calls whose result is far larger than what they are
// given.
func amplifies(name string, args []*ast.Term) bool {
	switch name {
	case ast.BitsShiftLeft.Name:
		n, ok := wholeNumber(args[1].Value)
		return !ok || n > maxShift
	case ast.Sprintf.Name:
		format, _ := args[0].Value.(ast.String)
		return widest(string(format)) > maxWidth || strings.Contains(string(format), "*")
	case ast.Replace.Name, ast.ReplaceN.Name, ast.RegexReplace.Name:
		return product(args) > maxOperandBytes
	case ast.Concat.Name:
		between, list := args[0], args[1]
		switch l := list.Value.(type) {
		case *ast.Array:
			return size(between, maxOperandBytes)*l.Len() > maxOperandBytes
		case ast.Set:
			return size(between, maxOperandBytes)*l.Len() > maxOperandBytes
		}
	}
	return false
}

// product bounds what replacing makes of two of its operands: each character of
// the longest by the second longest.
func product(args []*ast.Term) int {
	longest, second := 1, 1
	for _, a := range args {
		switch n := size(a, maxOperandBytes); {
		case n > longest:
			longest, second = n, longest
		case n > second:
			second = n
		}
	}
	return longest * second
}

// widest is the largest number in a format.
func widest(format string) (most int) {
	n := 0
	for _, c := range format {
		if n = n*10 + int(c-'0'); c < '0' || c > '9' {
			n = 0
		}
		if most = max(most, n); most > maxWidth {
			return most
		}
	}
	return most
}
