package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// parseRecord reads a line as Append writes it: these members in this order,
// without a blank, so that a start with a long journal costs little. Anything
// else was not written by Append.
func parseRecord(line []byte) (Record, error) {
	p := parser{rest: line}
	var r Record
	r.Seq = p.number(`{"seq":`)
	r.Time = p.time(`,"time":`)
	r.Boot = p.text(`,"boot":`)
	r.Kind = p.text(`,"kind":`)
	r.Prev = p.text(`,"prev":`)
	r.Body = p.body(`,"body":`)
	return r, p.err
}

// parser takes a line apart from the left, until the first mistake.
type parser struct {
	rest []byte
	err  error
}

// after drops a literal.
func (p *parser) after(literal string) bool {
	if p.err != nil {
		return false
	}
	rest, ok := bytes.CutPrefix(p.rest, []byte(literal))
	if !ok {
		p.err = errors.New("want " + literal)
	}
	p.rest = rest
	return ok
}

func (p *parser) number(name string) uint64 {
	if !p.after(name) {
		return 0
	}
	end := max(0, bytes.IndexByte(p.rest, ','))
	n, err := strconv.ParseUint(string(p.rest[:end]), 10, 64)
	if err == nil && end > 1 && p.rest[0] == '0' {
		err = errors.New("a number begins with 0")
	}
	p.err, p.rest = err, p.rest[end:]
	return n
}

// text takes a string. One with an escape goes the long way.
func (p *parser) text(name string) (s string) {
	quoted := p.quoted(name)
	switch {
	case p.err != nil:
	case isPlain(quoted[1 : len(quoted)-1]):
		return string(quoted[1 : len(quoted)-1])
	default:
		p.err = json.Unmarshal(quoted, &s)
	}
	return s
}

func (p *parser) time(name string) (t time.Time) {
	if quoted := p.quoted(name); p.err == nil {
		p.err = t.UnmarshalJSON(quoted)
	}
	return t
}

// quoted takes a string with its quotes.
func (p *parser) quoted(name string) []byte {
	if !p.after(name) {
		return nil
	}
	end := endOfString(p.rest)
	if end == 0 {
		p.err = errors.New("want a string after " + name)
		return nil
	}
	q := p.rest[:end]
	p.rest = p.rest[end:]
	return q
}

// endOfString returns where the JSON string at the start of b ends, 0 if there
// is none.
func endOfString(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// isPlain reports whether a string's JSON is the string itself.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

func (p *parser) body(name string) json.RawMessage {
	if !p.after(name) {
		return nil
	}
	body, ok := bytes.CutSuffix(p.rest, []byte("}"))
	if !ok || len(bytes.TrimSpace(body)) != len(body) || !json.Valid(body) {
		p.err = errors.New("the body is not JSON")
		return nil
	}
	return bytes.Clone(body)
}
