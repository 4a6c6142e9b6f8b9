package control

import "strings"

// personal is the subtree of the facts that is about people: whether and for
// how long somebody has been away, who is in a call.
const personal = "presence"

// withoutPeople is f without the facts about people.
func (f Facts) withoutPeople() Facts {
	kept := Facts{At: f.At, Facts: map[string]any{}, Meta: map[string]any{}}
	for k, v := range f.Facts {
		if k != personal {
			kept.Facts[k] = v
		}
	}
	for k, v := range f.Meta {
		if !strings.HasPrefix(k, personal+".") {
			kept.Meta[k] = v
		}
	}
	return kept
}

// withoutPeople is w without the input document and the observed values of facts about people. The
// names of the conditions stay: they are what the status says as well.
func (w Why) withoutPeople() Why {
	unmet := make([]Unmet, 0, len(w.Unmet))
	for _, u := range w.Unmet {
		var seen []string
		for _, o := range u.Observed {
			if strings.Contains(o, "facts."+personal+".") {
				u.Text, w.Earliest = "", nil // the instant tells for how long nobody was there
				continue
			}
			seen = append(seen, o)
		}
		u.Observed = seen
		unmet = append(unmet, u)
	}
	w.Unmet, w.Input = unmet, nil
	return w
}
