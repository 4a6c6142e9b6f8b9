package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// parseData reads one data document. It takes the part of YAML on which all
// readers agree: what YAML 1.1 and 1.2 read differently (yes, on, 012, 1:30,
// dates) is refused, since stock OPA reads the former. nil means that the file is
// empty or wrong; what is wrong goes to diags.
func parseData(f file, diags *diagnostics) *node {
	dec := yaml.NewDecoder(bytes.NewReader(f.content))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		diags.errorf(position{File: f.name(), Line: yamlLine(err), Column: 1}, "", "not YAML: %v", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if dec.Decode(&second) == nil {
		diags.errorf(position{f.name(), second.Line, second.Column}, "remove the --- line", "more than one document in the file")
		return nil
	}
	p := dataParser{file: f.name(), diags: diags}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
			return nil
		}
		p.errorf(root, "", "a data document is a map of keys to values")
		return nil
	}
	return p.node(root)
}

var yamlErrorLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`line (\d+)`) })

func yamlLine(err error) int {
	if m := yamlErrorLine().FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

type dataParser struct {
	file  string
	diags *diagnostics
}

func (p dataParser) at(n *yaml.Node) position { return position{p.file, n.Line, n.Column} }

func (p dataParser) errorf(n *yaml.Node, hint, format string, args ...any) {
	p.diags.errorf(p.at(n), hint, format, args...)
}

func (p dataParser) node(n *yaml.Node) *node {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		p.errorf(n, "write the value out", "anchors and aliases are not allowed")
		return &node{at: p.at(n)}
	case n.Kind == yaml.MappingNode:
		return p.mapping(n)
	case n.Kind == yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			list = append(list, p.node(c).value())
		}
		return &node{at: p.at(n), scalar: list}
	}
	return &node{at: p.at(n), scalar: p.scalar(n)}
}

func (p dataParser) mapping(n *yaml.Node) *node {
	out := newMap(p.at(n))
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.Tag != "!!str" || isAmbiguous(k) {
			p.errorf(k, "put it in quotes", "the key %s is not a string to every reader of YAML", k.Value)
			continue
		}
		if out.children[k.Value] != nil {
			p.errorf(k, "remove one of the two", "the key %q stands twice in one map", k.Value)
			continue
		}
		child := p.node(v)
		child.at = p.at(k)
		out.set(k.Value, child)
	}
	return out
}

// ambiguous matches plain scalars that YAML 1.1 reads as something else than
// JSON would.
var ambiguous = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|[-+]?0[0-9_]+|[-+]?0[xbo].*|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]?[0-9][0-9]*_[0-9_.]*|[-+]?\.(inf|nan)|\.nan|<<|=|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|\+[0-9].*|[-+]?\.[0-9]+.*|[0-9]+\.)$`)
})

var jsonNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`) })

func isAmbiguous(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 &&
		!isClear(n.Value) && ambiguous().MatchString(n.Value)
}

// isClear knows most scalars that are not ambiguous at a glance: words of more
// letters than "off", and numbers of nothing but digits.
func isClear(s string) bool {
	if len(s) > 3 && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z') {
		return true
	}
	return s == "0" || s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

func (p dataParser) scalar(n *yaml.Node) any {
	if isAmbiguous(n) {
		p.errorf(n, "write true or false, a plain decimal number, or put it in quotes", "%s means different things to different readers of YAML", n.Value)
		return nil
	}
	switch n.Tag {
	case "!!str":
		return n.Value
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!null":
		return nil
	case "!!int", "!!float":
		if jsonNumber().MatchString(n.Value) {
			return json.Number(n.Value)
		}
	}
	p.errorf(n, "write a plain decimal number, true, false or a quoted string", "%s is not a value of JSON", n.Value)
	return nil
}

// kindOfValue names the JSON type of a plain value for a message.
func kindOfValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case string:
		return "a string"
	case json.Number:
		if isInteger(v) {
			return "a whole number"
		}
		return "a number"
	case []any:
		return "a list"
	}
	return "a map"
}

func isInteger(n json.Number) bool {
	_, err := n.Int64()
	return err == nil
}
