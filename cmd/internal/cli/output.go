package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// apiVersion is that of every JSON and YAML document this package prints.
const apiVersion = "lull/v1"

// Formats of -o.
const (
	formatText = "text"
	formatJSON = "json"
	formatYAML = "yaml"
)

// show prints a result: body as a document of the given kind in JSON or YAML,
// or whatever text prints.
func (a *app) show(kind string, body any, text func(*screen)) error {
	if a.format == formatText {
		text(a.screen(a.out))
		return nil
	}
	data, err := document(kind, body)
	if err != nil {
		return err
	}
	return a.write(data)
}

// bare prints a document that another contract shapes (a decision, a schema)
// without apiVersion and kind.
func (a *app) bare(body any, text func(*screen)) error {
	if a.format == formatText {
		text(a.screen(a.out))
		return nil
	}
	data, err := marshal(body)
	if err != nil {
		return err
	}
	return a.write(data)
}

// marshal is compact JSON with <, > and & as they are: no browser reads it.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// write prints compact JSON in the format asked for.
func (a *app) write(data []byte) error {
	if a.format == formatYAML {
		out, err := toYAML(data)
		if err != nil {
			return err
		}
		_, err = a.out.Write(out)
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out, b.String())
	return err
}

// document puts apiVersion and kind in front of the members of body, which
// must be a JSON object.
func document(kind string, body any) ([]byte, error) {
	data, err := marshal(body)
	if err != nil {
		return nil, err
	}
	if len(data) < 2 || data[0] != '{' {
		return nil, fmt.Errorf("a %s is not an object", kind)
	}
	head := fmt.Sprintf(`{"apiVersion":%q,"kind":%q`, apiVersion, kind)
	if data[1] != '}' {
		head += ","
	}
	return append([]byte(head), data[1:]...), nil
}

// toYAML rewrites JSON as YAML, keeping the order of the members.
func toYAML(data []byte) ([]byte, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(data, &n); err != nil {
		return nil, err
	}
	plain(&n)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// plain drops the JSON look of a node: block style, quotes only where needed.
func plain(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!str" {
		n.Style = 0
	}
	for _, c := range n.Content {
		plain(c)
	}
}

// table prints rows in aligned columns, without a trailing blank.
func (s *screen) table(rows ...[]string) {
	var wide []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], width(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", wide[i]-width(cell)+2))
			}
		}
		s.line("%s", strings.TrimRight(b.String(), " "))
	}
}
