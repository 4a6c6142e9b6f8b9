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
)

// Client talks to a daemon. It is safe for concurrent use.
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

// Events calls each for every journal record from now on, until ctx ends or
// each fails.
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
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return nil
			}
			return err
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
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, &Error{Code: CodeUnreachable, Message: fmt.Sprintf("no lull daemon answers at %s: %v", c.socket, op.Err),
				Hint: "start one with: lull run"}
		}
		return nil, err
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{Status: resp.StatusCode}
	if json.NewDecoder(resp.Body).Decode(e) != nil || e.Message == "" {
		e.Code, e.Message = CodeInternal, "the daemon answered "+resp.Status
	}
	return nil, e
}
