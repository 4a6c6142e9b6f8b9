package trust

import (
	"slices"
	"strings"
	"time"
)

// ExpiryNotice is how far ahead status and doctor warn.
const ExpiryNotice = 60 * 24 * time.Hour

// Expiry is something that ends soon, or has ended.
type Expiry struct {
	Vendor string    `json:"vendor,omitempty"`
	What   string    `json:"what"` // "vendor file", "key 2027", "identity release", "package com.example.reader 3.1.0", "root public-good"
	At     time.Time `json:"at"`
	Remedy string    `json:"remedy"`
}

// Expiring lists what ends before now+within, soonest first: vendor files in
// force, their keys and identities, trusted roots, and the given packages. What
// has ended already is in it too.
func (t *Trust) Expiring(within time.Duration, packages ...*Package) []Expiry {
	g := t.current()
	var all []Expiry
	for _, name := range sortedKeys(g.vendors) {
		if v, err := g.usable(name); err == nil {
			all = append(all, v.expiries()...)
		}
	}
	for _, name := range sortedKeys(g.roots) {
		if r := g.roots[name]; r.broken == nil {
			all = append(all, Expiry{What: "root " + name, At: r.root.Expires(), Remedy: "run `lull trust refresh`"})
		}
	}
	for _, p := range packages {
		all = append(all, Expiry{Vendor: p.Vendor, What: "package " + p.ID + " " + p.Version, At: p.Manifest.Expires, Remedy: "the vendor must publish a newer one"})
	}
	end := t.now().Add(within)
	all = slices.DeleteFunc(all, func(e Expiry) bool { return e.At.IsZero() || e.At.After(end) })
	slices.SortStableFunc(all, func(a, b Expiry) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		return strings.Compare(a.What, b.What)
	})
	return all
}

func (v *vendor) expiries() []Expiry {
	list := []Expiry{{Vendor: v.Name, What: "vendor file", At: v.Expires, Remedy: "set a later expires in " + v.File}}
	for _, k := range v.Keys {
		if !k.Revoked {
			list = append(list, Expiry{Vendor: v.Name, What: "key " + k.ID, At: k.NotAfter, Remedy: "the vendor must send its next key"})
		}
	}
	for _, id := range v.Identities {
		if !id.Revoked {
			list = append(list, Expiry{Vendor: v.Name, What: "identity " + id.ID, At: id.NotAfter, Remedy: "the vendor must say who signs next"})
		}
	}
	return list
}
