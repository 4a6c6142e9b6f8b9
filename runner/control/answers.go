package control

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) status(r *http.Request) (any, error) { return s.backend.Status(r.Context()) }

func (s *Server) policy(r *http.Request) (any, error) {
	st, err := s.backend.Status(r.Context())
	return st.Policy, err
}

func (s *Server) updaters(r *http.Request) (any, error) {
	st, err := s.backend.Status(r.Context())
	if st.Updaters == nil {
		st.Updaters = []Updater{}
	}
	return Updaters{st.Updaters}, err
}

func (s *Server) updater(r *http.Request) (any, error) {
	st, err := s.backend.Status(r.Context())
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	for _, u := range st.Updaters {
		if u.ID == id {
			return u, nil
		}
	}
	return nil, &Error{Code: CodeUnknown, Message: fmt.Sprintf("no updater %q is registered", id), Hint: "lull list shows which are"}
}

// why, as facts, leaves out what tells a stranger about the people at the
// machine.
func (s *Server) why(r *http.Request) (any, error) {
	w, err := s.backend.Why(r.Context(), r.FormValue("updater"), r.FormValue("update"))
	if err == nil && !s.rights.mayAdminister(peer(r)) {
		w = w.withoutPeople()
	}
	return w, err
}

func (s *Server) facts(r *http.Request) (any, error) {
	f, err := s.backend.Facts(r.Context())
	if err == nil && !s.rights.mayAdminister(peer(r)) {
		f = f.withoutPeople()
	}
	return f, err
}

func (s *Server) history(r *http.Request) (any, error) {
	q, err := parseHistory(r)
	if err != nil {
		return nil, err
	}
	return s.backend.History(r.Context(), q)
}

func (s *Server) register(r *http.Request) (any, error) {
	return s.backend.Register(r.Context(), http.MaxBytesReader(nil, r.Body, maxTar))
}

func (s *Server) unregister(r *http.Request) (any, error) {
	return s.backend.Unregister(r.Context(), r.PathValue("id"))
}

func (s *Server) verb(r *http.Request) (any, error) {
	verb := r.PathValue("verb")
	if !slices.Contains(Verbs, verb) {
		return nil, &Error{Code: CodeUsage, Message: fmt.Sprintf("no such verb: %q", verb),
			Hint: "it is one of " + strings.Join(Verbs, ", "), Status: http.StatusNotFound}
	}
	var req Request
	if err := parse(r, &req); err != nil {
		return nil, err
	}
	req.By = peer(r).String()
	return s.backend.Do(r.Context(), verb, r.PathValue("id"), req)
}

// parseHistory reads the query part of GET history.
func parseHistory(r *http.Request) (HistoryQuery, error) {
	v := r.URL.Query()
	q := HistoryQuery{Updater: v.Get("updater"), Kinds: v["kind"], Limit: DefaultHistory}
	bad := func(name string, err error) (HistoryQuery, error) {
		return HistoryQuery{}, &Error{Code: CodeUsage, Message: fmt.Sprintf("history: %s: %v", name, err)}
	}
	var err error
	if s := v.Get("from"); s != "" {
		if q.From, err = strconv.ParseUint(s, 10, 64); err != nil {
			return bad("from", err)
		}
	}
	if s := v.Get("since"); s != "" {
		if q.Since, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return bad("since", err)
		}
	}
	if s := v.Get("limit"); s != "" {
		if q.Limit, err = strconv.Atoi(s); err != nil {
			return bad("limit", err)
		}
		if q.Limit < 1 || q.Limit > MaxHistory {
			return bad("limit", fmt.Errorf("%d is not from 1 to %d", q.Limit, MaxHistory))
		}
	}
	return q, nil
}
