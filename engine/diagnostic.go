package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severities of a [Diagnostic]. Only an error keeps a tree out of force.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityNote    = "note"
)

// A Diagnostic is one thing to say about a policy tree. File is
// "LAYER/relative/path", or empty when the finding belongs to no file. Line and
// Column count from 1; 0 is unknown.
type Diagnostic struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	Severity string `json:"severity"`
}

// String returns "file:line:column: message (hint)".
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", d.Line, max(d.Column, 1))
		}
		b.WriteString(": ")
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		b.WriteString("; " + d.Hint)
	}
	return b.String()
}

// A LoadError says why a policy tree did not come into force. Digest names the
// rejected tree; it is empty when the layers could not be read.
type LoadError struct {
	Digest      string
	Diagnostics []Diagnostic
}

// Error lists every diagnostic, one per line after the first.
func (e *LoadError) Error() string {
	lines := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		lines = append(lines, d.String())
	}
	return "policies rejected: " + strings.Join(lines, "\n")
}

// diagnostics collects findings while a tree is loaded.
type diagnostics []Diagnostic

func (ds *diagnostics) add(at position, severity, hint, format string, args ...any) {
	*ds = append(*ds, Diagnostic{
		File: at.File, Line: at.Line, Column: at.Column,
		Message: fmt.Sprintf(format, args...), Hint: hint, Severity: severity,
	})
}

func (ds *diagnostics) errorf(at position, hint, format string, args ...any) {
	ds.add(at, SeverityError, hint, format, args...)
}

func (ds *diagnostics) warnf(at position, hint, format string, args ...any) {
	ds.add(at, SeverityWarning, hint, format, args...)
}

func (ds diagnostics) failed() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

func (ds diagnostics) only(keep func(severity string) bool) []Diagnostic {
	var out []Diagnostic
	for _, d := range ds {
		if keep(d.Severity) {
			out = append(out, d)
		}
	}
	sortDiagnostics(out)
	return out
}

func sortDiagnostics(ds []Diagnostic) {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
}

// A position is a place in a file of a layer.
type position struct {
	File         string
	Line, Column int
}
