package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ParseJSON reads one JSON value.
func ParseJSON(data []byte) (*Node, error) {
	if err := plainText(data); err != nil {
		return nil, err
	}
	p := &jsonParser{dec: json.NewDecoder(bytes.NewReader(data)), data: data, line: 1}
	p.dec.UseNumber()
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return nil, Fault{Line: p.here(), What: "more text after the end of the document", Hint: "remove it"}
	}
	return n, nil
}

// plainText refuses what two parsers could read in two ways.
func plainText(data []byte) error {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return Fault{Line: 1, What: "starts with a byte order mark", Hint: "save the file as UTF-8 without one"}
	case !utf8.Valid(data):
		return Fault{What: "not UTF-8", Hint: "save the file as UTF-8"}
	case bytes.IndexByte(data, 0) >= 0:
		return Fault{What: "contains a NUL byte", Hint: "remove it"}
	}
	return nil
}

// jsonParser builds nodes from tokens; line and seen turn the decoder's byte
// offset into a line number in one pass.
type jsonParser struct {
	dec  *json.Decoder
	data []byte
	line int
	seen int
}

func (p *jsonParser) here() int {
	off := min(int(p.dec.InputOffset()), len(p.data))
	p.line += bytes.Count(p.data[p.seen:off], []byte("\n"))
	p.seen = off
	return p.line
}

func (p *jsonParser) token() (json.Token, error) {
	tok, err := p.dec.Token()
	if err == nil {
		return tok, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, Fault{Line: p.here(), What: "ends too early", Hint: "check that the file is complete"}
	}
	return nil, Fault{Line: p.here(), What: err.Error(), Hint: "check the JSON syntax"}
}

func (p *jsonParser) value(depth int) (*Node, error) {
	if depth > MaxDepth {
		return nil, Fault{Line: p.here(), What: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	}
	tok, err := p.token()
	if err != nil {
		return nil, err
	}
	n := &Node{Line: p.here()}
	switch v := tok.(type) {
	case nil:
		n.Kind = Null
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(v)
	case json.Number:
		n.Kind, n.Text = Number, v.String()
	case string:
		n.Kind, n.Text = String, v
	case json.Delim:
		if v == '[' {
			return p.list(n, depth)
		}
		return p.object(n, depth)
	}
	return n, nil
}

func (p *jsonParser) list(n *Node, depth int) (*Node, error) {
	n.Kind = List
	for p.dec.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	_, err := p.token() // the bracket
	return n, err
}

func (p *jsonParser) object(n *Node, depth int) (*Node, error) {
	n.Kind = Object
	seen := map[string]int{}
	for p.dec.More() {
		tok, err := p.token()
		if err != nil {
			return nil, err
		}
		m := Member{Key: tok.(string), Line: p.here()}
		if line, dup := seen[m.Key]; dup {
			return nil, duplicate(m, line)
		}
		seen[m.Key] = m.Line
		if m.Value, err = p.value(depth + 1); err != nil {
			return nil, err
		}
		n.Members = append(n.Members, m)
	}
	_, err := p.token() // the brace
	return n, err
}

func duplicate(m Member, first int) Fault {
	return Fault{Line: m.Line, Path: m.Key, What: fmt.Sprintf("duplicate key, first on line %d", first), Hint: "remove one of the two"}
}
