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
	"os"
	"slices"
	"time"
)

const (
	maxTar     = 4 << 30 // a package; trust has its own, lower bounds
	maxRequest = 64 << 10
)

// Options of NewServer.
type Options struct{ Logger *slog.Logger }

// Server answers requests on a socket.
type Server struct {
	backend Backend
	log     *slog.Logger
}

// NewServer returns a server in front of b.
func NewServer(b Backend, o Options) *Server {
	s := &Server{b, o.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Listen makes the socket, replacing one that a dead daemon left: the caller
// holds the daemon's lock, so nobody else listens there. Everybody may
// connect; what they may do depends on who they are.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// peerKey is where a connection's peer is in a request's context.
type peerKey struct{}

// Serve answers until ctx ends, then lets requests finish for two seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/status", s.answer(func(r *http.Request) (any, error) { return s.backend.Status(r.Context()) }))
	mux.Handle("GET /v1/facts", s.answer(func(r *http.Request) (any, error) { return s.backend.Facts(r.Context()) }))
	mux.Handle("GET /v1/why", s.answer(func(r *http.Request) (any, error) {
		return s.backend.Why(r.Context(), r.FormValue("updater"), r.FormValue("update"))
	}))
	mux.HandleFunc("GET /v1/events", s.events)
	mux.Handle("POST /v1/updaters", s.change(func(r *http.Request) (any, error) {
		return s.backend.Register(r.Context(), http.MaxBytesReader(nil, r.Body, maxTar))
	}))
	mux.Handle("DELETE /v1/updaters/{id}", s.change(func(r *http.Request) (any, error) {
		return s.backend.Unregister(r.Context(), r.PathValue("id"))
	}))
	mux.Handle("POST /v1/updaters/{id}/{verb}", s.change(s.verb))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, &Error{Code: CodeUsage, Message: "no such request: " + r.Method + " " + r.URL.Path, Status: http.StatusNotFound})
	})
	return mux
}

func (s *Server) verb(r *http.Request) (any, error) {
	verb := r.PathValue("verb")
	if !slices.Contains(Verbs, verb) {
		return nil, &Error{Code: CodeUsage, Message: fmt.Sprintf("no such verb: %q", verb), Status: http.StatusNotFound}
	}
	var req Request
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil && !errors.Is(err, io.EOF) {
		return nil, &Error{Code: CodeUsage, Message: "request body: " + err.Error()}
	}
	req.By = peer(r).String()
	return s.backend.Do(r.Context(), verb, r.PathValue("id"), req)
}

func peer(r *http.Request) Peer { p, _ := r.Context().Value(peerKey{}).(Peer); return p }

// change is answer for requests that add or take away: only for those who may
// administer lull.
func (s *Server) change(f func(*http.Request) (any, error)) http.Handler {
	inner := s.answer(f)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := peer(r); !p.mayAdminister() {
			s.log.Warn("refused a request", "peer", p.String(), "path", r.URL.Path)
			s.fail(w, &Error{Code: CodeForbidden, Message: "only root and the members of group lull may do this",
				Hint: "use sudo, or ask an administrator to add you to group lull", Status: http.StatusForbidden})
			return
		}
		inner.ServeHTTP(w, r)
	})
}

func (s *Server) answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			s.fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			s.log.Debug("answer not read", "err", err)
		}
	})
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		s.log.Error("request failed", "err", err)
		e = &Error{Code: CodeInternal, Message: err.Error(), Status: http.StatusInternalServerError}
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(e)
}

// events streams journal records, one a line, until the reader goes away.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if !peer(r).mayAdminister() {
		s.fail(w, &Error{Code: CodeForbidden, Message: "only root and the members of group lull may watch the journal", Status: http.StatusForbidden})
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	flush.Flush()
	s.backend.Events(r.Context(), func(line json.RawMessage) error {
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		return flush.Flush()
	})
}
