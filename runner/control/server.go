package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of what one request may take. A package has trust's own, lower ones.
const (
	maxTar      = 4 << 30
	maxRequest  = 64 << 10
	headTime    = 5 * time.Second  // for the request's header
	requestTime = 30 * time.Second // for a request and its answer
	tarTime     = 15 * time.Minute // for a package: streamed, hashed and stored
	writeTime   = 10 * time.Second // for one event: a reader that stopped reading is dropped
	graceTime   = 2 * time.Second  // for open requests when the daemon ends
)

// Options of NewServer.
type Options struct {
	Logger *slog.Logger // nil: discard
	// ActiveSession reports whether the user is the one at the machine's own
	// keyboard, who may also hold, unhold and approve. nil asks logind's
	// files in /run/systemd.
	ActiveSession func(uid int) bool
}

// Server answers requests on a socket.
type Server struct {
	backend Backend
	log     *slog.Logger
	rights  rights
}

// NewServer returns a server in front of b.
func NewServer(b Backend, o Options) *Server {
	s := &Server{backend: b, log: o.Logger, rights: rights{activeSession: o.ActiveSession}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.rights.activeSession == nil {
		s.rights.activeSession = func(uid int) bool { return activeSession("/run/systemd", uid) }
	}
	return s
}

// peerKey is where a connection's peer is in a request's context.
type peerKey struct{}

func peer(r *http.Request) Peer { p, _ := r.Context().Value(peerKey{}).(Peer); return p }

// Serve answers on l until ctx ends, then lets open requests finish for two
// seconds. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headTime, IdleTimeout: requestTime, MaxHeaderBytes: 16 << 10,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(newFairListener(l)) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve the control socket: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	var late error
	if srv.Shutdown(grace) != nil {
		late = srv.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, late)
	}
	return late
}

// route is one kind of request: who may make it, how long it may take and
// what answers it.
type route struct {
	pattern string
	allowed func(*http.Request) *Error // nil: refuse nobody
	time    time.Duration
	answer  func(*http.Request) (any, error)
}

func (s *Server) routes() []route {
	return []route{
		{"GET /v1/status", nil, requestTime, s.status},
		{"GET /v1/policy", nil, requestTime, s.policy},
		{"GET /v1/updaters", nil, requestTime, s.updaters},
		{"GET /v1/updaters/{id}", nil, requestTime, s.updater},
		{"GET /v1/why", nil, requestTime, s.why},
		{"GET /v1/facts", nil, requestTime, s.facts},
		{"GET /v1/history", s.rights.administer, requestTime, s.history},
		{"POST /v1/updaters", s.rights.administer, tarTime, s.register},
		{"DELETE /v1/updaters/{id}", s.rights.administer, tarTime, s.unregister},
		{"POST /v1/updaters/{id}/{verb}", s.rights.ask, requestTime, s.verb},
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.serve(r))
	}
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &Error{Code: CodeUsage, Message: "no such request: " + r.Method + " " + r.URL.Path,
			Hint: "the client and the daemon may be of different versions: compare lull version with lull status", Status: http.StatusNotFound})
	})
	return mux
}

// serve turns a route into a handler.
func (s *Server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rt.allowed != nil {
			if err := rt.allowed(r); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		end := time.Now().Add(rt.time)
		s.bound(w, end)
		ctx, cancel := context.WithDeadline(r.Context(), end)
		defer cancel()
		v, err := rt.answer(r.WithContext(ctx))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.answer(w, http.StatusOK, v)
	})
}

// bound ends a connection whose other side has not sent its request and read
// the answer by then.
func (s *Server) bound(w http.ResponseWriter, end time.Time) {
	conn := http.NewResponseController(w)
	if err := errors.Join(conn.SetReadDeadline(end), conn.SetWriteDeadline(end)); err != nil {
		s.log.Debug("no deadline on a connection", "err", err)
	}
}

// answer sends v as JSON. A reader that went away is no failure of ours.
func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("answer not read", "err", err)
	}
}

// fail answers with an Error. What is not one already is the daemon's own
// failure, and goes to the log too.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded):
		e = &Error{Code: CodeUnavailable, Message: "the daemon did not answer in time", Hint: "try again, then look at its log"}
	default:
		e = &Error{Code: CodeInternal, Message: err.Error()}
	}
	if e.Code == CodeInternal || e.Code == CodeForbidden {
		s.log.Warn("request refused", "method", r.Method, "path", r.URL.Path, "peer", peer(r).String(), "code", e.Code, "err", err)
	}
	s.answer(w, e.status(), e)
}

// events streams journal records, one a line, until the reader goes away.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if err := s.rights.administer(r); err != nil {
		s.fail(w, r, err)
		return
	}
	conn := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	err := conn.Flush() // the reader knows at once that it listens
	if err == nil {
		err = s.backend.Events(r.Context(), func(line json.RawMessage) error { return send(w, conn, line) })
	}
	if err != nil && r.Context().Err() == nil {
		s.log.Debug("event stream ended", "peer", peer(r).String(), "err", err)
	}
}

// send writes one event; a reader that stopped reading is an error in time.
func send(w io.Writer, conn *http.ResponseController, line json.RawMessage) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := w.Write(append(line[:len(line):len(line)], '\n')); err != nil {
		return err
	}
	return conn.Flush()
}

// parse reads a small JSON body strictly; an empty one is the zero value.
func parse(r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return &Error{Code: CodeUsage, Message: "request body: " + err.Error()}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &Error{Code: CodeUsage, Message: "request body: something follows the JSON document"}
	}
	return nil
}
