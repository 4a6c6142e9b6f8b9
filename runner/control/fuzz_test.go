package control

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzHistoryQuery claims: whatever the query, it is either refused as a usage
// error or within the bounds.
func FuzzHistoryQuery(f *testing.F) {
	for _, q := range []string{"", "limit=5&kind=started&kind=finished", "since=2026-11-23T10:00:00Z&from=3", "limit=-1", "limit=1e9", "from=18446744073709551616"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/v1/history", nil)
		r.URL = &url.URL{Path: "/v1/history", RawQuery: query}
		q, err := parseHistory(r)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Code != CodeUsage {
				t.Errorf("%q: %v is not a usage error", query, err)
			}
			return
		}
		if q.Limit < 1 || q.Limit > MaxHistory {
			t.Errorf("%q: limit %d is out of bounds", query, q.Limit)
		}
	})
}

// FuzzRequest claims: a body is a Request, or is refused as a usage error.
func FuzzRequest(f *testing.F) {
	for _, b := range []string{"", "{}", `{"until":"2026-11-23T10:00:00Z"}`, `{"by":"root"}`, `{"By":"root"}`, "[]", "{}x"} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var req Request
		err := parse(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), &req)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Code != CodeUsage) {
			t.Errorf("%q: %v is not a usage error", body, err)
		}
		if req.By != "" {
			t.Errorf("%q: the caller chose who it is: %q", body, req.By)
		}
	})
}
