package facts

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAServiceThatHangsIsGivenUpAndItsAnswerThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := question[string]{deadline: time.Second}
		back := make(chan string)
		ask := func(look func() string) (string, error) { return q.ask(context.Background(), look) }
		hang := func() string { return <-back }
		began := time.Now()
		if got, err := ask(hang); got != "" || err != errLate || time.Since(began) != time.Second {
			t.Errorf("while it hangs: %q, %v after %v", got, err, time.Since(began))
		}
		began = time.Now()
		if _, err := ask(func() string { t.Error("asked twice at a time"); return "" }); err != errStillLate || time.Since(began) != 0 {
			t.Errorf("while it still hangs: %v after %v", err, time.Since(began))
		}
		back <- "old"
		synctest.Wait()
		if got, err := ask(func() string { return "new" }); got != "new" || err != nil {
			t.Errorf("when it is back: %q, %v", got, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := q.ask(ctx, hang); err != context.Canceled {
			t.Errorf("when nobody waits any more: %v", err)
		}
		back <- ""
	})
}
