// Package engine turns a tree of Rego policies into decisions.
//
// # Loading
//
// Policies come in layers, lowest first: the embedded defaults, then
// directories of the distribution and the administrator. [New] and
// [Engine.Reload] read all layers, and merge them by two rules:
//
//   - data.yaml (or data.json) merges key by key with the lower layers; a list
//     or a single value replaces the one below.
//   - a .rego file replaces the lower file of the same relative path; an empty
//     file, or a link to /dev/null, masks it; any other .rego file adds.
//
// Files ending in _test.rego are for [Test] alone. Names that start with a dot
// (among them the ..data directories of Kubernetes), README.md, *.go and names that
// end in ~ are skipped. Every other name is an error, so that a file that somebody
// believes to be in force always is.
//
// The merged tree is compiled once: strict, against the JSON Schema of the
// input, with the built-ins of [Capabilities]. The numbers below
// data.thresholds are checked against the types of the lowest layer and the
// units in their names, the names below data.requirements against the
// conditions that rules define. The result is an immutable [Generation] with a
// digest, swapped in atomically. A tree with an error never comes into force:
// the last good generation goes on deciding, in memory, and from Options.StateDir
// after a restart; [Engine.Status] says so.
//
// # Deciding
//
// [Engine.Decide] evaluates data.eligibility.decision under a deadline and never
// fails: a runtime error, a decision of odd shape or a time-out
// is a wait whose WaitsFor is [PolicyError] or [PolicyTimeout]. It runs the plan
// that OPA's planner makes of the policies, from the second decision of a
// generation on: the same full Rego in a sixth of the time. [Engine.Confirm] is asked last
// before anything starts, and evaluates the policies with OPA's own evaluator, on
// exactly the document that `opa eval -i input.json` would see; a plan that
// decided otherwise is given up.
//
// # Residual conditions
//
// Between decisions, the rules themselves answer three more questions. Partial
// evaluation of data.eligibility.met[c], with everything that can change
// unknown, leaves for each condition a list of alternatives of plain
// comparisons. They are compiled once per shape of action into Go, and serve
// [Engine.Recheck] (may a waiting action have become runnable), [Engine.NextCheck]
// (when can the passing of time change a verdict) and [Engine.Explain] (what was
// observed, what is needed, what is the smallest change that helps). What cannot
// be compiled falls back to OPA and is listed by [Check]. A residual is a filter:
// only Confirm may start anything.
//
// All methods are safe for concurrent use.
package engine
