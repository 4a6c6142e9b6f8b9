// Package journal keeps the append-only record that is both lull's state and
// its audit log.
//
// A journal is a file, journal.jsonl, of JSON objects, one a line:
//
//	{"seq":1,"time":"2026-11-23T10:00:00Z","boot":"…","kind":"registered","prev":"…","body":{…}}
//
// seq counts from 1 without gaps. prev is the SHA-256, in hex, of the line
// before without its newline; the first line's is 64 zeros. Append returns when
// the record is durable: one write and one flush (fdatasync).
//
// # After a crash, and after damage
//
// A last line without its newline was never acknowledged; Open drops it, and a
// recovered record says so. Any other damage is named by file, line and byte;
// all before it is used, the damaged file is kept whole as
// journal.jsonl.damaged-TIME, and Salvaged returns what could still be read
// behind the damage. Read and Verify need no daemon and change nothing.
//
// # On a full disk
//
// A write that fails leaves no trace, and the record was not made: whatever
// begins new work then does not begin (ErrFull). The file journal.reserve holds
// some blocks of the disk, which are given back so that the end of what is
// running (finished, frozen, interrupted, needs_attention and the like) can
// still be recorded.
//
// # Checkpoints
//
// Every so many records, when idle and at the end, the journal signs its head,
// as a golang.org/x/mod/sumdb/note whose text is three lines:
//
//	lull-journal
//	412
//	5c0e…  (SHA-256 of line 412, hex)
//
// The Ed25519 key is journal.key, mode 0600, its public half journal.pub. The
// key lies beside the journal, so root on this machine can forge the future,
// and even rewrite the past; only a checkpoint that was sent elsewhere, to the
// system log for one, makes the past immutable. Verify takes such checkpoints
// and finds a journal that was cut or rewritten since.
package journal
