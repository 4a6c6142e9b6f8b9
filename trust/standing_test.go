package trust

import "testing"

func TestAPackageStandsAsLongAsItsVendorAndItsSignerDo(t *testing.T) {
	for name, tt := range map[string]struct {
		fall func(w *world)
		code string
	}{
		"nothing happened":           {func(*world) {}, ""},
		"another key was revoked":    {func(w *world) { w.Revoke("example", "2026", "lost") }, ""},
		"another vendor was revoked": {func(w *world) { w.Revoke("second", "", "lost") }, ""},
		"its key was revoked":        {func(w *world) { w.Revoke("example", "2027", "stolen") }, "revoked"},
		"its vendor was revoked":     {func(w *world) { w.Revoke("example", "", "rogue") }, "revoked"},
		"its key is revoked in the vendor file": {func(w *world) {
			w.vendor("not_after: 2028-01-01T00:00:00Z", "not_after: 2028-01-01T00:00:00Z, revoked: true")
		}, "revoked"},
		"its vendor is disabled": {func(w *world) { w.vendor("enabled: true", "enabled: false") }, "vendor_disabled"},
		"its vendor is broken":   {func(w *world) { w.vendor("enabled: true", "enabled: yes") }, "vendor_broken"},
		"its vendor is gone":     {func(w *world) { w.write("etc/example.yaml", ""); w.Reload() }, "vendor_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.admitted("3.1.0")
			tt.fall(w)
			wantCode(t, w.Standing(p), tt.code)
		})
	}
}
