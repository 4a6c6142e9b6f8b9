package strict

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"

	"go.yaml.in/yaml/v3"
)

// ParseYAML reads one YAML document. Timestamps and dates become strings, as
// JSON would have them.
func ParseYAML(data []byte) (*Node, error) {
	if err := plainText(data); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, yamlFault(err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); err != io.EOF {
		return nil, Fault{Line: more.Line, What: "more than one document", Hint: "keep one"}
	}
	if len(doc.Content) != 1 {
		return nil, Fault{What: "empty document"}
	}
	return fromYAML(doc.Content[0], 0)
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`line (\d+): (.*)`) })

func yamlFault(err error) Fault {
	if err == io.EOF {
		return Fault{What: "empty document"}
	}
	f := Fault{What: err.Error(), Hint: "check the YAML syntax"}
	if m := yamlLine().FindStringSubmatch(err.Error()); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.What = m[2]
	}
	return f
}

func fromYAML(y *yaml.Node, depth int) (*Node, error) {
	switch {
	case depth > MaxDepth:
		return nil, Fault{Line: y.Line, What: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		return nil, Fault{Line: y.Line, What: "anchors and aliases are not allowed", Hint: "write the value out"}
	case y.Style&yaml.TaggedStyle != 0:
		return nil, Fault{Line: y.Line, What: "tags are not allowed", Hint: "remove " + y.Tag}
	}
	n := &Node{Line: y.Line, Text: y.Value}
	switch y.Kind {
	case yaml.SequenceNode:
		return listFromYAML(n, y, depth)
	case yaml.MappingNode:
		return objectFromYAML(n, y, depth)
	}
	return scalarFromYAML(n, y)
}

func listFromYAML(n *Node, y *yaml.Node, depth int) (*Node, error) {
	n.Kind = List
	for _, c := range y.Content {
		item, err := fromYAML(c, depth+1)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	return n, nil
}

func objectFromYAML(n *Node, y *yaml.Node, depth int) (*Node, error) {
	n.Kind = Object
	seen := map[string]int{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, err := fromYAML(y.Content[i], depth+1)
		if err != nil {
			return nil, err
		}
		if key.Kind != String {
			return nil, Fault{Line: key.Line, What: fmt.Sprintf("a key must be a string, got %s", key.Kind), Hint: "put it in quotes"}
		}
		m := Member{Key: key.Text, Line: key.Line}
		if line, dup := seen[m.Key]; dup {
			return nil, duplicate(m, line)
		}
		seen[m.Key] = m.Line
		if m.Value, err = fromYAML(y.Content[i+1], depth+1); err != nil {
			return nil, err
		}
		n.Members = append(n.Members, m)
	}
	return n, nil
}

func scalarFromYAML(n *Node, y *yaml.Node) (*Node, error) {
	switch y.ShortTag() {
	case "!!str", "!!timestamp":
		n.Kind = String
	case "!!int", "!!float":
		n.Kind = Number
	case "!!bool":
		n.Kind = Bool
	case "!!null":
		n.Kind = Null
	default:
		return nil, Fault{Line: y.Line, What: "a value of type " + y.ShortTag() + " is not allowed"}
	}
	return n, nil
}
