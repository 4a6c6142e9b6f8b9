package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// parse reads one file into c and returns every mistake in it. What is wrong
// leaves c as it was.
func parse(file string, data []byte, c *Config) []error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return []error{syntaxError(file, err)}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return []error{&Error{File: file, Why: "a second YAML document follows", Hint: "keep one"}}
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil
	}
	if top.Kind != yaml.MappingNode {
		return []error{&Error{File: file, Line: top.Line, Why: "not a list of keys and values", Hint: "write lines such as log_level: info"}}
	}
	return parseKeys(file, top, c)
}

func parseKeys(file string, top *yaml.Node, c *Config) (bad []error) {
	seen := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		name, value := top.Content[i], top.Content[i+1]
		e := &Error{File: file, Line: name.Line}
		key, ok := keyNamed(name.Value)
		switch first := seen[name.Value]; {
		case !ok:
			e.Why, e.Hint = fmt.Sprintf("unknown key %q", name.Value), "did you mean "+nearest(name.Value)+"?"
		case first != 0:
			e.Why, e.Hint = fmt.Sprintf("%s is set twice, also in line %d", name.Value, first), "keep one"
		case value.Kind == yaml.AliasNode || value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			e.Why, e.Hint = name.Value+" has no plain value", key.Hint
		default:
			if err := key.set(c, value); err != nil {
				e.Why, e.Hint = fmt.Sprintf("%s: %v", name.Value, err), key.Hint
				break
			}
			if c.origins == nil {
				c.origins = map[string]string{}
			}
			c.origins[name.Value] = fmt.Sprintf("%s:%d", file, name.Line)
		}
		seen[name.Value] = name.Line
		if e.Why != "" {
			bad = append(bad, e)
		}
	}
	return bad
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`) })

// syntaxError takes the line out of the library's message.
func syntaxError(file string, err error) *Error {
	e := &Error{File: file, Why: err.Error(), Hint: "check the indentation and the quotes"}
	text, _, _ := strings.Cut(err.Error(), "\n")
	if m := yamlLine().FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Why = "not YAML: " + m[2]
	}
	return e
}

// nearest returns the known key that takes the fewest edits to reach.
func nearest(name string) string {
	best, distance := "", 1<<30
	for _, k := range Keys {
		if d := edits(name, k.Name); d < distance {
			best, distance = k.Name, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two names. A name that is longer than
// any key is cut: what lies behind makes no difference to the nearest.
func edits(a, b string) int {
	a = a[:min(len(a), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
