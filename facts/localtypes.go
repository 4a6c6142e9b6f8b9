package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// typesSuffix is the end of the names of files that type local facts.
const typesSuffix = ".schema.json"

// localType is the administrator's description of one local fact, in the terms
// of [Desc].
type localType struct {
	Type   Type     `json:"type"`
	Unit   string   `json:"unit"`
	Help   string   `json:"help"`
	Enum   []string `json:"enum"`
	Min    *float64 `json:"minimum"`
	Max    *float64 `json:"maximum"`
	MaxAge *int     `json:"max_age_seconds"`
}

// LocalCatalogue reads the types that the administrator gives local facts, from
// the files NAME.schema.json of the directories, {"room_noise": {"type":
// "integer", "minimum": 0, "help": …}}. The type is one of those of [Type];
// unit, help, enum, minimum, maximum and max_age_seconds are optional and mean
// what they do in [Desc]. Of two types of one fact the one of the later
// directory, and in it of the later name, counts. The descriptions are sorted;
// the error names every file that could not be used and why.
func LocalCatalogue(dirs ...string) ([]Desc, error) {
	types, problems := readLocalTypes(dirs)
	var list []Desc
	for _, d := range types {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Desc) int { return strings.Compare(string(a.ID), string(b.ID)) })
	var errs []error
	for _, file := range sortedKeys(problems) {
		errs = append(errs, problems[file])
	}
	return list, errors.Join(errs...)
}

// readLocalTypes returns the types by name, and what is wrong by file.
func readLocalTypes(dirs []string) (map[string]Desc, map[string]error) {
	types, problems := map[string]Desc{}, map[string]error{}
	for _, dir := range dirs {
		files, _ := filepath.Glob(filepath.Join(dir, "*"+typesSuffix))
		for _, file := range files {
			data, _, err := readLocalFile(file)
			if err == nil {
				err = addLocalTypes(data, types)
			}
			if err != nil {
				problems[file] = fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return types, problems
}

// addLocalTypes parses one file of types, all or nothing.
func addLocalTypes(data []byte, types map[string]Desc) error {
	parsed, err := parseLocalTypes(data)
	for name, d := range parsed {
		types[name] = d
	}
	return err
}

func parseLocalTypes(data []byte) (map[string]Desc, error) {
	var entries map[string]localType
	if err := decodeStrictly(data, &entries); err != nil {
		return nil, fmt.Errorf("is not a JSON object of {\"name\": {\"type\": …}}: %w", err)
	}
	out := map[string]Desc{}
	for _, name := range sortedKeys(entries) {
		e := entries[name]
		if err := e.check(name); err != nil {
			return nil, err
		}
		d := Desc{ID: LocalFacts + "." + ID(name), Type: e.Type, Unit: e.Unit, Help: e.Help, Enum: e.Enum, Min: e.Min, Max: e.Max, Cost: costRead}
		if e.MaxAge != nil {
			d.MaxAge = time.Duration(*e.MaxAge) * time.Second
		}
		out[name] = d
	}
	return out, nil
}

func (e localType) check(name string) error {
	number := e.Type == Integer || e.Type == Number
	switch {
	case !localName().MatchString(name):
		return fmt.Errorf("fact name %.80q is not lower case letters, digits and _", name)
	case !slices.Contains([]Type{Boolean, Integer, Number, String, List}, e.Type):
		return fmt.Errorf("fact %s has the type %.80q; use boolean, integer, number, string or list", name, e.Type)
	case e.Enum != nil && e.Type != String && e.Type != List:
		return fmt.Errorf("fact %s is of type %s, which takes no enum", name, e.Type)
	case (e.Min != nil || e.Max != nil) && !number:
		return fmt.Errorf("fact %s is of type %s, which takes no minimum or maximum", name, e.Type)
	case e.Min != nil && e.Max != nil && *e.Min > *e.Max:
		return fmt.Errorf("fact %s has a minimum above its maximum", name)
	case e.MaxAge != nil && (*e.MaxAge <= 0 || *e.MaxAge > 1<<31):
		return fmt.Errorf("fact %s has a max_age_seconds that is not positive; leave it out for a fact that never goes stale", name)
	}
	return nil
}

// accept turns what a file says into a value of type d, or says why it is none.
func (d Desc) accept(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		if d.Type == Boolean {
			return v, nil
		}
	case string:
		if d.Type == String {
			return v, d.allows(v)
		}
	case json.Number:
		if d.Type == Integer || d.Type == Number {
			return d.acceptNumber(v)
		}
	case []any:
		if d.Type == List {
			return d.acceptList(v)
		}
	}
	return nil, fmt.Errorf("is not of type %s", d.Type)
}

func (d Desc) acceptNumber(v json.Number) (any, error) {
	f, err := v.Float64()
	switch {
	case err != nil || math.IsInf(f, 0):
		return nil, errors.New("is not a number that can be held")
	case d.Min != nil && f < *d.Min:
		return nil, fmt.Errorf("is below its minimum %v", *d.Min)
	case d.Max != nil && f > *d.Max:
		return nil, fmt.Errorf("is above its maximum %v", *d.Max)
	case d.Type == Number:
		return f, nil
	}
	n, err := v.Int64()
	if err != nil {
		return nil, errors.New("is not of type integer")
	}
	return n, nil
}

func (d Desc) acceptList(v []any) (any, error) {
	list := make([]string, len(v))
	for i, e := range v {
		s, ok := e.(string)
		if !ok {
			return nil, errors.New("is not a list of strings")
		}
		if err := d.allows(s); err != nil {
			return nil, err
		}
		list[i] = s
	}
	slices.Sort(list)
	return list, nil
}

func (d Desc) allows(s string) error {
	if d.Enum == nil || slices.Contains(d.Enum, s) {
		return nil
	}
	return fmt.Errorf("says %.80q, which is none of %s", s, strings.Join(d.Enum, ", "))
}
