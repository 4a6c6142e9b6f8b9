package facts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// localFacts reads the administrator's own facts from a directory of
// *.json files, {"name": {"value": …, "max_age_seconds": …}}. The age of a fact
// is that of its file. Later files (by name) win. Where the administrator has
// given types, see [LocalCatalogue], a fact of another type, or of none, is
// unknown.
type localFacts struct {
	dir   string
	types []string // directories of the types
}

// localFact is one entry of a file.
type localFact struct {
	Value  any  `json:"value"`
	MaxAge *int `json:"max_age_seconds"`
}

var localName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`) })

const maxLocalFile = 64 << 10

func (l *localFacts) read(now time.Time) map[string]Value {
	out := map[string]Value{}
	if l.dir == "" {
		return out
	}
	files, _ := filepath.Glob(filepath.Join(l.dir, "*.json"))
	types, problems := readLocalTypes(l.types)
	for _, file := range files {
		l.readFile(file, types, len(problems) > 0, now, out)
	}
	for file, err := range problems {
		out[localSafeName(strings.TrimSuffix(filepath.Base(file), typesSuffix))+"_types"] = Value{State: Unknown, At: now, Why: err.Error()}
	}
	return out
}

// readFile adds the facts of one file. A file that cannot be trusted or read
// becomes one unknown fact named after it, so that it is seen.
func (l *localFacts) readFile(file string, types map[string]Desc, lost bool, now time.Time, out map[string]Value) {
	data, modified, err := readLocalFile(file)
	var entries map[string]localFact
	if err == nil {
		if entries, err = parseLocal(data); err != nil {
			err = fmt.Errorf("%s: %w", file, err)
		}
	}
	if err != nil {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		out[localSafeName(name)] = Value{State: Unknown, At: now, Why: err.Error()}
		return
	}
	for name, e := range entries {
		d, typed := types[name]
		switch {
		case typed:
			out[name] = e.typed(d, file, modified, now)
		case len(types) > 0 || lost:
			out[name] = Value{State: Unknown, At: modified, Why: fmt.Sprintf("%s: %s has no type, and other local facts do; give it one in a file %s in %s", file, name, "*"+typesSuffix, l.types[len(l.types)-1])}
		default:
			out[name] = e.at(modified, now, "facts.d/"+filepath.Base(file))
		}
	}
}

// typed is the entry's value if it is of the type that the administrator gave.
func (e localFact) typed(d Desc, file string, modified, now time.Time) Value {
	value, err := d.accept(e.Value)
	if err != nil {
		return Value{State: Unknown, At: modified, Why: fmt.Sprintf("%s: the value of %s %v; correct it, or its type", file, strings.TrimPrefix(string(d.ID), "local."), err)}
	}
	if limit := int(d.MaxAge / time.Second); limit > 0 && (e.MaxAge == nil || *e.MaxAge > limit) {
		e.MaxAge = &limit
	}
	e.Value = value
	return e.at(modified, now, "facts.d/"+filepath.Base(file))
}

func localSafeName(name string) string {
	if localName().MatchString(name) {
		return name
	}
	return "invalid_file_name"
}

// at is the entry's value, unknown when it is too old.
func (e localFact) at(modified, now time.Time, source string) Value {
	age := now.Sub(modified)
	if e.MaxAge != nil && age < -time.Minute { // the clock was set back: how old the fact is, nobody knows
		return Value{State: Unknown, At: now, Why: fmt.Sprintf("stale: %s was written in the future, at %s; write it again", source, modified.UTC().Format(time.RFC3339))}
	}
	age = max(0, age)
	if e.MaxAge != nil && age > time.Duration(*e.MaxAge)*time.Second {
		return Value{State: Unknown, At: modified, Why: fmt.Sprintf("stale: %s is %d seconds old, allowed are %d", source, int64(age.Seconds()), *e.MaxAge)}
	}
	return Value{V: e.Value, State: Known, At: modified, Source: source, Quality: good}
}

// readLocalFile reads a file that must be the administrator's.
func readLocalFile(file string) ([]byte, time.Time, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := localTrusted(f, info); err != nil {
		return nil, time.Time{}, fmt.Errorf("%s %w", file, err)
	}
	data := make([]byte, info.Size())
	if n, err := f.Read(data); err != nil || n != len(data) {
		return nil, time.Time{}, fmt.Errorf("%s could not be read completely; write it to a temporary name and rename it", file)
	}
	return data, info.ModTime(), nil
}

// localTrusted refuses files that are not plain, too big or not the administrator's.
func localTrusted(f *os.File, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file; replace it by one")
	case info.Size() == 0 || info.Size() > maxLocalFile:
		return fmt.Errorf("has %d bytes; allowed are 1 to %d", info.Size(), maxLocalFile)
	}
	return ownedByAdmin(f, info)
}

// parseLocal parses one file of facts.d. Unknown keys are refused.
func parseLocal(data []byte) (map[string]localFact, error) {
	var entries map[string]localFact
	if err := decodeStrictly(data, &entries); err != nil {
		return nil, fmt.Errorf("is not a JSON object of {\"name\": {\"value\": …}}: %w", err)
	}
	for name, e := range entries {
		if err := e.check(name); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// decodeStrictly decodes one JSON value without keys that v does not have and
// with nothing behind it. Numbers are kept as they are written.
func decodeStrictly(data []byte, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is more behind the first JSON value; remove it")
	}
	return nil
}

func (e localFact) check(name string) error {
	switch {
	case !localName().MatchString(name):
		return fmt.Errorf("fact name %.80q is not lower case letters, digits and _", name)
	case e.Value == nil:
		return fmt.Errorf("fact %s has no value; leave the fact out if it is unknown", name)
	case e.MaxAge != nil && *e.MaxAge < 0:
		return fmt.Errorf("fact %s has a negative max_age_seconds", name)
	}
	return nil
}

// watch is replaced by the platform's file events where there are any.
func (l *localFacts) watch(ctx context.Context, wake func()) {
	if l.dir == "" {
		<-ctx.Done()
		return
	}
	watchDir(ctx, l.dir, wake)
}
