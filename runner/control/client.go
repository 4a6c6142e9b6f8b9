package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Client talks to a daemon. It is safe for concurrent use. Its methods end
// with ctx, and with an *Error when the daemon refused or no daemon answers
// (CodeUnreachable).
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the daemon at a socket; it does not connect
// yet.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{socket, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status asks for everything at a glance.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, "status", nil, &s)
}

// Why asks why an updater, or one of its updates, waits.
func (c *Client) Why(ctx context.Context, updater, update string) (w Why, err error) {
	q := url.Values{"updater": {updater}, "update": {update}}
	return w, c.call(ctx, http.MethodGet, "why?"+q.Encode(), nil, &w)
}

// Updaters asks for the registered updaters.
func (c *Client) Updaters(ctx context.Context) (u Updaters, err error) {
	return u, c.call(ctx, http.MethodGet, "updaters", nil, &u)
}

// Updater asks for one of them.
func (c *Client) Updater(ctx context.Context, id string) (u Updater, err error) {
	return u, c.call(ctx, http.MethodGet, "updaters/"+url.PathEscape(id), nil, &u)
}

// Policy asks which policies decide.
func (c *Client) Policy(ctx context.Context) (p Policy, err error) {
	return p, c.call(ctx, http.MethodGet, "policy", nil, &p)
}

// History asks for journal records. Without a daemon, runner/journal reads
// them from the files.
func (c *Client) History(ctx context.Context, q HistoryQuery) (h History, err error) {
	v := url.Values{"updater": {q.Updater}, "kind": q.Kinds, "from": {strconv.FormatUint(q.From, 10)}}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return h, c.call(ctx, http.MethodGet, "history?"+v.Encode(), nil, &h)
}

// Facts asks what the daemon knows of the machine.
func (c *Client) Facts(ctx context.Context) (f Facts, err error) {
	return f, c.call(ctx, http.MethodGet, "facts", nil, &f)
}

// Register sends a package as a tar.
func (c *Client) Register(ctx context.Context, tar io.Reader) (r Registered, err error) {
	return r, c.call(ctx, http.MethodPost, "updaters", tar, &r)
}

// Unregister drops an updater.
func (c *Client) Unregister(ctx context.Context, updater string) (d Done, err error) {
	return d, c.call(ctx, http.MethodDelete, "updaters/"+url.PathEscape(updater), nil, &d)
}

// Do asks one of Verbs of an updater.
func (c *Client) Do(ctx context.Context, verb, updater string, req Request) (d Done, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return d, err
	}
	return d, c.call(ctx, http.MethodPost, "updaters/"+url.PathEscape(updater)+"/"+verb, bytes.NewReader(body), &d)
}

// Events calls each for every journal record from now on, until ctx ends, the
// daemon ends or each fails.
func (c *Client) Events(ctx context.Context, each func(json.RawMessage) error) error {
	resp, err := c.send(ctx, http.MethodGet, "events", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var line json.RawMessage
		if err := dec.Decode(&line); err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("read the daemon's events: %w", err)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

func (c *Client) call(ctx context.Context, method, path string, body io.Reader, into any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://lull/v1/"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.transportError(ctx, err)
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{Status: resp.StatusCode}
	if json.NewDecoder(io.LimitReader(resp.Body, maxRequest)).Decode(e) != nil || e.Message == "" {
		e.Code, e.Message = CodeInternal, "the daemon answered "+resp.Status
	}
	return nil, e
}

// transportError tells "no daemon" from "the caller gave up" and from a
// daemon that hung up.
func (c *Client) transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &Error{Code: CodeUnreachable, Message: fmt.Sprintf("the daemon at %s hung up: %v", c.socket, errors.Unwrap(err)),
		Hint: "see with lull status whether it still runs; it may be ending"}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		e.Message = fmt.Sprintf("no lull daemon answers at %s: %v", c.socket, op.Err)
		e.Hint = "start one with lull run, or name its root with --root DIR"
	}
	return e
}
