package strict

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decode copies n into the struct that v points to, by the names of its json
// tags, and returns every fault it meets. What could be read is in v even when
// there are faults.
func Decode(n *Node, v any) []Fault {
	d := &decoder{}
	d.value("", n, reflect.ValueOf(v).Elem())
	return d.faults
}

type decoder struct{ faults []Fault }

func (d *decoder) fault(n *Node, path, hint, format string, args ...any) {
	d.faults = append(d.faults, Fault{Line: n.Line, Path: path, What: fmt.Sprintf(format, args...), Hint: hint})
}

var timeType = reflect.TypeFor[time.Time]()

func (d *decoder) value(path string, n *Node, v reflect.Value) {
	want, ok := kindOf(v.Type())
	switch {
	case !ok:
		panic("strict: cannot decode into " + v.Type().String())
	case n.Kind == Null:
		d.fault(n, path, "leave the key out instead", "null is not a value")
	case n.Kind != want:
		d.fault(n, path, "", "wants %s, got %s", want, n.Kind)
	case v.Type() == timeType:
		d.time(path, n, v)
	default:
		d.copy(path, n, v)
	}
}

func kindOf(t reflect.Type) (Kind, bool) {
	if t == timeType {
		return String, true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return Object, true
	case reflect.Slice:
		return List, true
	case reflect.String:
		return String, true
	case reflect.Bool:
		return Bool, true
	case reflect.Int, reflect.Int64:
		return Number, true
	}
	return Null, false
}

func (d *decoder) copy(path string, n *Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		d.object(path, n, v)
	case reflect.Map:
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Members)))
		for _, m := range n.Members {
			item := reflect.New(v.Type().Elem()).Elem()
			d.value(join(path, m.Key), m.Value, item)
			v.SetMapIndex(reflect.ValueOf(m.Key), item)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
		for i, item := range n.Items {
			d.value(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
		}
	case reflect.String:
		v.SetString(n.Text)
	case reflect.Bool:
		v.SetBool(n.Text == "true")
	default:
		d.integer(path, n, v)
	}
}

func (d *decoder) integer(path string, n *Node, v reflect.Value) {
	i, err := strconv.ParseInt(n.Text, 10, v.Type().Bits())
	if err != nil {
		d.fault(n, path, "write digits only", "wants a whole number, got %s", n.Text)
		return
	}
	v.SetInt(i)
}

func (d *decoder) time(path string, n *Node, v reflect.Value) {
	t, err := time.Parse(time.RFC3339, n.Text)
	if err != nil {
		d.fault(n, path, "write it as 2027-01-31T00:00:00Z", "wants a time, got %q", n.Text)
		return
	}
	v.Set(reflect.ValueOf(t.UTC()))
}

func (d *decoder) object(path string, n *Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for _, m := range n.Members {
		i, ok := fields[m.Key]
		if !ok {
			d.faults = append(d.faults, Fault{Line: m.Line, Path: join(path, m.Key), What: "unknown key", Hint: suggest(m.Key, fields)})
			continue
		}
		d.value(join(path, m.Key), m.Value, v.Field(i))
	}
}

func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// suggest names the known key that is closest to a misspelt one.
func suggest(key string, fields map[string]int) string {
	best, found := 4, ""
	for name := range fields {
		if n := distance(strings.ToLower(key), name); n < best || n == best && name < found {
			best, found = n, name
		}
	}
	if found == "" || len(key) > 64 {
		return "remove it"
	}
	return fmt.Sprintf("did you mean %q?", found)
}

// distance is the Levenshtein distance, bounded by the length of the words.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
