package engine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// A dataCache answers the evaluator's reads of data from the one immutable
// document of a generation, without copying anything. It is a
// topdown.BaseCache that is always warm; what it does not have goes to the
// store, which has not got it either.
type dataCache struct{ root ast.Object }

// Get returns the value at ref, nil when there is none. The root itself is
// left to the store, which hides OPA's own keys.
func (c dataCache) Get(ref ast.Ref) ast.Value {
	if len(ref) < 2 {
		return nil
	}
	v, err := c.root.Find(ref[1:])
	if err != nil {
		return nil
	}
	return v
}

// Put does nothing: there is nothing to learn.
func (dataCache) Put(ast.Ref, ast.Value) {}

func newDataCache(n *node) (dataCache, error) {
	v, err := ast.InterfaceToValue(jsonObject(n))
	if err != nil {
		return dataCache{}, err
	}
	obj, _ := v.(ast.Object)
	return dataCache{obj}, nil
}
