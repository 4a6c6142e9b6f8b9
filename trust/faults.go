package trust

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lullhq/lull/trust/internal/strict"
)

// faults collects everything that is wrong with one document, each with its
// line, so that its author can repair all of it at once.
type faults struct {
	why  error // the reason unless another is given
	file string
	root *strict.Node // may be nil when the document cannot be parsed
	list []*Error
}

// add notes a fault at a place such as "scopes.0.write.1".
func (f *faults) add(at, remedy, format string, args ...any) {
	f.addAs(f.why, at, remedy, format, args...)
}

// addAs is add with a reason of its own.
func (f *faults) addAs(why error, at, remedy, format string, args ...any) {
	e := refuse(why, f.file, fmt.Sprintf(format, args...), remedy)
	if at != "" {
		e.What = at + ": " + e.What
	}
	if f.root != nil {
		e.Line = f.root.LineOf(strings.Split(at, ".")...)
	}
	f.list = append(f.list, e)
}

// decode fills v from the tree, or notes why it cannot.
func (f *faults) decode(root *strict.Node, err error, v any) bool {
	if err != nil {
		f.parse(err)
		return false
	}
	f.root = root
	if root.Kind != strict.Object {
		f.add("", "start with its keys", "wants an object, got %s", root.Kind)
		return false
	}
	for _, bad := range strict.Decode(root, v) {
		f.parse(bad)
	}
	return true
}

func (f *faults) parse(err error) {
	e := &Error{Reason: f.why, Path: f.file, What: err.Error()}
	var bad strict.Fault
	if errors.As(err, &bad) {
		e.Line, e.What, e.Remedy = bad.Line, bad.What, bad.Hint
		if bad.Path != "" {
			e.What = bad.Path + ": " + bad.What
		}
	}
	f.list = append(f.list, e)
}

// oneOf notes a value that is not among those allowed.
func (f *faults) oneOf(at, got string, allowed ...string) {
	for _, a := range allowed {
		if got == a {
			return
		}
	}
	if got == "" {
		f.add(at, "write "+strings.Join(allowed, " or "), "missing")
		return
	}
	f.add(at, "write "+strings.Join(allowed, " or "), "%q is not known", got)
}

// text notes a string that is missing, too long or not printable.
func (f *faults) text(at, got string, limit int) {
	if why := badText(got, limit); why != "" {
		f.add(at, "", "%s", why)
	}
}

func badText(s string, limit int) string {
	switch {
	case s == "":
		return "missing"
	case len(s) > limit:
		return fmt.Sprintf("longer than %d bytes", limit)
	case strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "contains control characters"
	}
	return ""
}

// between notes a number outside its bounds.
func (f *faults) between(at string, got, low, high int64) {
	if got < low || got > high {
		f.add(at, fmt.Sprintf("write a number from %d to %d", low, high), "%d is out of range", got)
	}
}

// err returns the first fault, wrapped so that all of them are shown.
func (f *faults) err() error { return firstOf(f.list) }

// firstOf is nil, the only fault, or the first one with the number of others.
func firstOf(list []*Error) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	first := *list[0]
	first.Remedy = strings.TrimPrefix(fmt.Sprintf("%s; %d more problems: `lull validate` shows them all", first.Remedy, len(list)-1), "; ")
	return &first
}
