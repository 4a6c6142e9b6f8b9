package execute

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestFrozenTimeDoesNotCountAsRunningTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10 * time.Second)
		time.Sleep(6 * time.Second)
		b.freeze()
		b.freeze() // again changes nothing
		time.Sleep(time.Hour)
		select {
		case <-b.over():
			t.Fatal("it was over while frozen")
		default:
		}
		b.thaw()
		began := time.Now()
		<-b.over()
		if got := time.Since(began); got != 4*time.Second {
			t.Errorf("over %s after the thaw, want 4s", got)
		}
		if wall, frozen := b.stop(); wall != time.Hour+10*time.Second || frozen != time.Hour {
			t.Errorf("took %s, %s frozen", wall, frozen)
		}
	})
}
