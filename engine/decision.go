package engine

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Verdict is the short answer.
type Verdict string

// The verdicts. There is no other way to say yes than Run.
const (
	Run  Verdict = "run"
	Wait Verdict = "wait"
	Deny Verdict = "deny"
)

// Decision is the answer for one action.
type Decision struct {
	Verdict     Verdict     `json:"verdict"`
	DeniedBy    []string    `json:"denied_by"` // conditions unmet that waiting cannot help
	WaitsFor    []string    `json:"waits_for"` // conditions unmet that time or an event can
	DeviceClass string      `json:"device_class"`
	Obligations Obligations `json:"obligations"`

	PolicyDigest string `json:"-"`
	Error        string `json:"-"` // why the policies gave no answer of their own
}

// Obligations are what the runner must do while the action runs.
type Obligations struct {
	KeepAwake        bool   `json:"keep_awake"`
	OnUserReturn     string `json:"on_user_return"` // freeze, throttle, finish or cancel
	MaxFrozenSeconds int64  `json:"max_frozen_seconds"`
	MaxSeconds       int64  `json:"max_seconds"`
	CPU              string `json:"cpu"` // idle or normal
	IO               string `json:"io"`
}

// Conditions that the engine itself adds when the policies fail.
const (
	PolicyError   = "policy_error"
	PolicyTimeout = "policy_timeout"
)

// failure is a wait that says why.
func failure(condition, why string) Decision {
	return Decision{Verdict: Wait, DeniedBy: []string{}, WaitsFor: []string{condition}, Error: why}
}

// parseDecision takes a decision only in exactly its shape.
func parseDecision(t *ast.Term) (Decision, error) {
	s := &shape{at: entrypoint}
	d := Decision{
		Verdict:  Verdict(s.oneOf(t, "verdict", "run", "wait", "deny")),
		DeniedBy: s.strings(t, "denied_by"), WaitsFor: s.strings(t, "waits_for"),
		DeviceClass: s.oneOf(t, "device_class", "standard", "limited", "constrained"),
	}
	o := s.get(t, "obligations")
	s.size(t, 5)
	s.at += ".obligations"
	d.Obligations = Obligations{
		KeepAwake: s.bool(o, "keep_awake"), OnUserReturn: s.oneOf(o, "on_user_return", "freeze", "throttle", "finish", "cancel"),
		MaxFrozenSeconds: s.int(o, "max_frozen_seconds"), MaxSeconds: s.int(o, "max_seconds"),
		CPU: s.oneOf(o, "cpu", "idle", "normal"), IO: s.oneOf(o, "io", "idle", "normal"),
	}
	s.size(o, 6)
	if s.err != nil {
		return Decision{}, s.err
	}
	return d, d.consistent()
}

// consistent refuses a verdict that its own reasons contradict.
func (d Decision) consistent() error {
	want := Run
	if len(d.WaitsFor) > 0 {
		want = Wait
	}
	if len(d.DeniedBy) > 0 {
		want = Deny
	}
	if d.Verdict != want {
		return fmt.Errorf("the verdict is %s with denied_by %v and waits_for %v; it has to be %s", d.Verdict, d.DeniedBy, d.WaitsFor, want)
	}
	return nil
}

// shape reads members of an object term and keeps the first mistake.
type shape struct {
	at  string
	err error
}

func (s *shape) bad(key string, got *ast.Term, want string) {
	if s.err == nil && got == nil {
		s.err = fmt.Errorf("%s.%s is missing, want %s", s.at, key, want)
	} else if s.err == nil {
		s.err = fmt.Errorf("%s.%s is %v, want %s", s.at, key, got, want)
	}
}

func (s *shape) get(t *ast.Term, key string) *ast.Term {
	if t != nil {
		if o, ok := t.Value.(ast.Object); ok {
			return o.Get(ast.InternedTerm(key))
		}
	}
	return nil
}

// size refuses members that are not part of a decision.
func (s *shape) size(t *ast.Term, members int) {
	if t == nil || s.err != nil {
		return
	}
	if o, ok := t.Value.(ast.Object); ok && o.Len() != members {
		s.err = fmt.Errorf("%s has members that are not part of a decision: %v", s.at, o.Keys())
	}
}

func (s *shape) bool(t *ast.Term, key string) bool {
	v := s.get(t, key)
	if v != nil {
		if b, ok := v.Value.(ast.Boolean); ok {
			return bool(b)
		}
	}
	s.bad(key, v, "true or false")
	return false
}

func (s *shape) int(t *ast.Term, key string) int64 {
	v := s.get(t, key)
	if v != nil {
		if n, ok := v.Value.(ast.Number); ok {
			if i, whole := n.Int64(); whole && i >= 0 {
				return i
			}
		}
	}
	s.bad(key, v, "a whole number of at least 0")
	return 0
}

func (s *shape) oneOf(t *ast.Term, key string, allowed ...string) string {
	v := s.get(t, key)
	if v != nil {
		if str, ok := v.Value.(ast.String); ok && slices.Contains(allowed, string(str)) {
			return string(str)
		}
	}
	s.bad(key, v, fmt.Sprintf("one of %v", allowed))
	return ""
}

// strings reads a set or a list of strings, sorted, never nil.
func (s *shape) strings(t *ast.Term, key string) []string {
	v := s.get(t, key)
	out := []string{}
	add := func(e *ast.Term) {
		str, ok := e.Value.(ast.String)
		if !ok {
			s.bad(key, v, "a list of strings")
		}
		out = append(out, string(str))
	}
	switch list := value(v).(type) {
	case ast.Set:
		list.Foreach(add)
	case *ast.Array:
		list.Foreach(add)
	default:
		s.bad(key, v, "a list of strings")
	}
	slices.Sort(out)
	return out
}

func value(t *ast.Term) ast.Value {
	if t == nil {
		return nil
	}
	return t.Value
}
