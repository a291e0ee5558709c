package downloader

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
)

// sealed is a journal's text with its right sum.
func sealed(text string) []byte {
	return fmt.Appendf(nil, "%s%08x\n%s\n", journalHeader, crc32.Checksum([]byte(text), castagnoli), text)
}

func aJournal() *journal {
	data := content(3*8192 + 5)
	q := newQueue(int64(len(data)), 8192)
	for _, i := range []int{0, 3} {
		q.addWritten(i, data[int64(i)*8192:][:q.length(i)])
	}
	j := &journal{Name: "model", Hash: sha(data), Validator: `"1"`, Owner: owner{ID: "x", Host: "here", PID: 7, Beat: 3}}
	q.record(j)
	return j
}

func TestJournal(t *testing.T) {
	j := aJournal()
	data := j.encode()
	j.notes = []note{{1, 0xabcd}, {2, 0xffffffff}, {0, 5}}
	for _, n := range j.notes {
		data = n.append(data)
	}
	got, err := parseJournal(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, j) {
		t.Errorf("it is read as %+v", got)
	}
	if q := restoreQueue(got); q.left != 0 || q.written() != j.Size || q.chunks[1].sum != 0xabcd || q.chunks[0].sum != 5 {
		t.Errorf("it is restored as %+v", q.chunks)
	}
	// Notes end with the first that is not whole.
	for cut := range len(j.notes[2].append(nil)) - 1 {
		got, err := parseJournal(data[:len(data)-2-cut])
		if err != nil || len(got.notes) != 2 {
			t.Fatalf("cut by %d it has %d notes, %v", cut+2, len(got.notes), err)
		}
	}
	for _, line := range []string{"x\n", "00000001 00000002 00000003\n", string(note{4, 1}.append(nil)), string(note{-1, 1}.append(nil)), "\n"} {
		bad := append(j.encode(), line...)
		if got, err := parseJournal(note{1, 1}.append(bad)); err != nil || len(got.notes) != 0 {
			t.Errorf("%q is followed by %v, %v", line, got.notes, err)
		}
	}
}

// TestF77DamagedJournals has what is no journal. Every bit of a good one is turned.
func TestF77DamagedJournals(t *testing.T) {
	good := aJournal().encode()
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if _, err := parseJournal(bad); err == nil {
			t.Errorf("with byte %d turned it is read", i)
		}
		if _, err := parseJournal(good[:i]); err == nil {
			t.Errorf("cut at byte %d it is read", i)
		}
	}
	for name, text := range map[string]string{
		"nothing":               ``,
		"null":                  `null`,
		"no unit":               `{"size":5,"done":"","sums":""}`,
		"a unit of zero":        `{"size":5,"unit":0,"done":"AA==","sums":"AAAAAA=="}`,
		"a size below zero":     `{"size":-5,"unit":8192,"done":"AA==","sums":"AAAAAA=="}`,
		"a size without bounds": `{"size":9223372036854775807,"unit":9223372036854775807,"done":"AA==","sums":"AAAAAA=="}`,
		"too many chunks":       `{"size":8796093022208,"unit":4096,"done":"","sums":""}`,
		"too few bits":          `{"size":81920,"unit":8192,"done":"AA==","sums":"` + strings.Repeat("AAAA", 13) + `AA=="}`,
		"too few sums":          `{"size":5,"unit":8192,"done":"AA==","sums":""}`,
		"no hash":               `{"size":5,"unit":8192,"done":"AA==","sums":"AAAAAA==","hash":"x"}`,
	} {
		if j, err := parseJournal(sealed(text)); err == nil {
			t.Errorf("%s is read as %+v", name, j)
		}
	}
	if _, err := parseJournal(sealed(`{"size":5,"unit":8192,"done":"AA==","sums":"AAAAAA=="}`)); err != nil {
		t.Errorf("one without anything wrong: %v", err)
	}
}

func TestFits(t *testing.T) {
	j := aJournal()
	for name, test := range map[string]struct {
		f    File
		want bool
	}{
		"the same":       {File{Size: j.Size, Hash: j.Hash}, true},
		"of some size":   {File{Size: -1, Hash: j.Hash}, true},
		"another size":   {File{Size: j.Size + 1, Hash: j.Hash}, false},
		"another hash":   {File{Size: j.Size, Hash: sha(nil)}, false},
		"unknown hash":   {File{Name: "model", Size: j.Size}, false},
		"another source": {File{Name: "other", Size: j.Size, Hash: j.Hash}, true},
	} {
		if j.fits(test.f) != test.want {
			t.Errorf("%s: %v", name, !test.want)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(aJournal().encode(), true)
	f.Add(note{2, 7}.append(aJournal().encode()), true)
	f.Add([]byte(`{"size":5,"unit":8192,"done":"AA==","sums":"AAAAAA=="}`), false)
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		if len(data) > 1<<16 {
			return
		}
		if !raw { // so that what lies behind the sum is reached
			data = sealed(string(data))
		}
		j, err := parseJournal(data)
		if err != nil {
			return
		}
		q := restoreQueue(j)
		if have := q.written(); have < 0 || have > j.Size || (have == j.Size) != (q.left == 0) {
			t.Fatalf("it has %d bytes of %d, and %d chunks are missing", have, j.Size, q.left)
		}
		again := &journal{Name: j.Name, Hash: j.Hash, Validator: j.Validator, Owner: j.Owner}
		q.record(again)
		back, err := parseJournal(again.encode())
		if err != nil {
			t.Fatalf("what is written of it cannot be read: %v", err)
		}
		if restoreQueue(back).written() != q.written() || back.Size != j.Size {
			t.Fatalf("it comes back as %+v", back)
		}
	})
}
