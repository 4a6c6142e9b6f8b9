package engine_test

import "testing"

// A kind that drops what holds for any is not listed as needing it.
func TestWhatIsSaidOfAKindWinsInTheList(t *testing.T) {
	e := open(t, files(map[string]string{"requirements/data.yaml": "wait_unless: {scan: {retry: false}}\ndeny_unless: {complete: {trusted: false}}\n"}))
	for _, c := range e.Generation().Conditions() {
		switch c.Name {
		case "retry":
			sameStrings(t, "retry", c.RequiredFor, []string{"complete", "download", "install", "prereboot", "restart", "uninstall"})
		case "trusted":
			sameStrings(t, "trusted", c.RequiredFor, []string{"download", "install", "prereboot", "restart", "scan", "uninstall"})
			if !c.Denies {
				t.Error("trusted no longer denies")
			}
		case "exclusive":
			sameStrings(t, "exclusive", c.RequiredFor, []string{"any"})
		}
	}
}
