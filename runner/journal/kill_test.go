package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// TestMain lets this binary be the writer that gets killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LULL_TEST_JOURNAL"); dir != "" {
		fmt.Println("error:", write(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// write appends for ever and says on standard output what was acknowledged.
func write(dir string) error {
	j, err := Open(Options{Dir: dir, CheckpointEvery: 7})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		rec, err := j.Append("started", body{N: i, Text: string(make([]byte, i%3000))})
		if err != nil {
			return err
		}
		fmt.Println(rec.Seq, rec.Prev)
	}
}

func TestAfterKill9NoAcknowledgedRecordIsLost(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	dir := t.TempDir()
	acknowledged := map[uint64]string{}
	for round := range rounds {
		before := len(acknowledged)
		killedWriter(t, dir, acknowledged)
		if len(acknowledged) == before {
			t.Fatalf("round %d: nothing was acknowledged before the kill", round)
		}
		j, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if len(j.Salvaged()) != 0 {
			t.Fatalf("round %d: a kill left damage", round)
		}
		j.file.Close() // as another kill would
		there := map[uint64]string{}
		for rec, err := range Read(dir, 0) {
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			there[rec.Seq] = rec.Prev
		}
		for seq, prev := range acknowledged {
			if there[seq] != prev {
				t.Fatalf("round %d: acknowledged record %d is lost or changed", round, seq)
			}
		}
	}
	rep, err := Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rounds: %d records acknowledged, %d in the journal, %d checkpoints", rounds, len(acknowledged), rep.Records, rep.Checkpoints)
}

// killedWriter runs a writer, kills it at a random moment after its first
// acknowledgement, and notes all that it acknowledged.
func killedWriter(t *testing.T, dir string, acknowledged map[uint64]string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LULL_TEST_JOURNAL="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var killer *time.Timer
	for sc := bufio.NewScanner(out); sc.Scan(); {
		var word, prev string
		fmt.Sscan(sc.Text(), &word, &prev)
		seq, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			cmd.Process.Kill()
			t.Fatalf("the writer said %q", sc.Text())
		}
		if len(prev) == 64 { // else the kill cut the line
			acknowledged[seq] = prev
		}
		if killer == nil {
			killer = time.AfterFunc(rand.N(30*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
}
