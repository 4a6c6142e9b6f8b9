// Package policytests tests the shipped policies, in both languages.
//
// The *_test.rego files say for every condition when it is met, when it is
// not, and that the unknown does not meet it. They set every threshold they
// depend on, so that they pass after an administrator's edit too. Run them with
//
//	opa test policies policytests
//
// The Go tests run the same through the engine, and then what no single case
// can say: that stock OPA decides as lull does, that no missing or wrong value
// anywhere lets an action run, and that a calmer machine never waits longer.
package policytests
