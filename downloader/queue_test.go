package downloader

import (
	"context"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"
)

// taken checks what a connection is given next.
func taken(t *testing.T, q *queue, who, connections, first, last int) span {
	t.Helper()
	s, ok := q.take(t.Context(), who, connections)
	if !ok || s.first != first || s.last != last {
		t.Fatalf("connection %d got chunks %d to %d (%v), want %d to %d", who, s.first, s.last, ok, first, last)
	}
	return s
}

// fill writes all of a span.
func fill(q *queue, who int, s span, data []byte) {
	for i := s.first; i < s.last; i++ {
		if at, ok := q.owns(who, i); ok {
			from := int64(i)*q.unit + at
			q.addWritten(i, data[from:from+q.length(i)-at])
		}
	}
}

func TestQueue(t *testing.T) {
	data := content(40*10 + 3)
	q := newQueue(int64(len(data)), 10)
	if len(q.chunks) != 41 || q.length(40) != 3 || q.length(39) != 10 {
		t.Fatalf("%d chunks", len(q.chunks))
	}
	// In order, and the fewer at once the fewer are left.
	a := taken(t, q, 1, 2, 0, 4)
	b := taken(t, q, 2, 2, 4, 8)
	// What is left unfinished is gone on with where it was left, and first.
	q.addWritten(0, data[:10])
	q.addWritten(1, data[10:17])
	q.release(1)
	a = taken(t, q, 1, 2, 1, 4)
	if a.from != 17 || a.to != 40 {
		t.Errorf("it goes on from %d to %d", a.from, a.to)
	}
	fill(q, 1, a, data)
	fill(q, 2, b, data)
	if q.written() != 80 {
		t.Errorf("it has %d bytes", q.written())
	}
	for who := 1; q.left > 2; who = 3 - who {
		s, ok := q.take(t.Context(), who, 2)
		if !ok {
			t.Fatal("there is nothing to do")
		}
		fill(q, who, s, data)
	}
	taken(t, q, 1, 2, 39, 40)
	last := taken(t, q, 2, 2, 40, 41)
	if last.to != int64(len(data)) {
		t.Errorf("it ends at %d", last.to)
	}
}

// TestSteal has a connection take the second half of what another one has before it.
func TestSteal(t *testing.T) {
	data := content(100)
	q := newQueue(100, 10)
	q.left = 8 * len(q.chunks) // so that as many as possible are given at once
	taken(t, q, 1, 1, 0, 4)
	taken(t, q, 2, 1, 4, 8)
	taken(t, q, 3, 1, 8, 10)
	q.left = len(q.chunks)
	s := taken(t, q, 4, 4, 2, 4)
	if _, ok := q.owns(1, 2); ok {
		t.Error("two own one chunk")
	}
	if s.from != 20 || s.to != 40 {
		t.Errorf("it is bytes %d to %d", s.from, s.to)
	}
	fill(q, 4, s, data)
	taken(t, q, 4, 4, 6, 8)
	// One alone is not divided, and nothing else is free.
	taken(t, q, 5, 4, 1, 2)
	taken(t, q, 5, 4, 5, 6)
	taken(t, q, 5, 4, 7, 8)
	taken(t, q, 6, 4, 9, 10)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if s, ok := q.take(ctx, 7, 4); ok {
		t.Errorf("it got %+v", s)
	}
	q.close()
	if _, ok := q.take(t.Context(), 7, 4); ok {
		t.Error("it goes on after the end")
	}
}

// TestAlone has a server that sends only the whole.
func TestAlone(t *testing.T) {
	data := content(50)
	q := newQueue(50, 10)
	fill(q, 1, taken(t, q, 1, 8, 0, 1), data)
	taken(t, q, 1, 8, 1, 2)
	taken(t, q, 2, 8, 2, 3)
	if _, ok := q.fetchWhole(2); ok {
		t.Fatal("it got all, and another connection has some")
	}
	q.release(2)
	s, ok := q.fetchWhole(1)
	if !ok || !s.whole || s.last != 5 || s.to != 50 {
		t.Fatalf("it got %+v", s)
	}
	if _, ok := q.owns(1, 0); ok {
		t.Error("it got what is there")
	}
	q.release(1)
	if s, ok := q.take(t.Context(), 2, 8); !ok || !s.whole {
		t.Errorf("the next got %+v", s)
	}
}

func TestRedo(t *testing.T) {
	data := content(30)
	q := newQueue(30, 10)
	fill(q, 1, span{last: 0}, data)
	for range 3 {
		s, ok := q.take(t.Context(), 1, 8)
		if !ok {
			t.Fatal("there is nothing to do")
		}
		fill(q, 1, s, data)
	}
	sum, all, err := q.await(t.Context(), 1)
	if err != nil || !all || sum != crc32.Checksum(data[10:20], castagnoli) {
		t.Fatalf("%08x, %v, %v", sum, all, err)
	}
	if n := q.markMissing(1); n != 1 {
		t.Errorf("it is done again %d times", n)
	}
	if n := q.written(); n != 20 {
		t.Errorf("it has %d bytes", n)
	}
	fill(q, 2, taken(t, q, 2, 8, 1, 2), data)
	if q.left != 0 || q.written() != 30 {
		t.Errorf("%d are missing, it has %d bytes", q.left, q.written())
	}
}

// TestQueueTogether has many connections that leave at random, and one that finds
// damage; in the end each byte was written in its place.
func TestQueueTogether(t *testing.T) {
	const unit, connections = 16, 8
	data := content(500*unit + 5)
	q := newQueue(int64(len(data)), unit)
	got := make([]byte, len(data))
	var group sync.WaitGroup
	for who := 1; who <= connections; who++ {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(who)))
			for {
				s, ok := q.take(t.Context(), who, connections)
				if !ok {
					return
				}
				for i := s.first; i < s.last && random.IntN(5) > 0; i++ {
					at, mine := q.owns(who, i)
					if !mine {
						break
					}
					from := int64(i)*unit + at
					n := 1 + random.Int64N(q.length(i)-at)
					copy(got[from:from+n], data[from:])
					q.addWritten(i, got[from:from+n])
					if at+n < q.length(i) {
						break
					}
				}
				q.release(who)
			}
		})
	}
	for i := range q.chunks {
		for {
			sum, _, err := q.await(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			from := int64(i) * unit
			if want := crc32.Checksum(data[from:from+q.length(i)], castagnoli); sum != want {
				t.Fatalf("chunk %d has the sum %08x, want %08x", i, sum, want)
			}
			if i%7 != 0 || q.chunks[i].redos > 0 {
				break
			}
			q.markMissing(i)
		}
	}
	q.close()
	group.Wait()
	if string(got) != string(data) {
		t.Error("the bytes are not the right ones")
	}
}

func TestChunksAreFew(t *testing.T) {
	for _, size := range []int64{0, 1, 8 << 20, 70 << 30, maxSize} { // F95
		q := newQueue(size, 8<<20)
		if len(q.chunks) > maxChunks {
			t.Errorf("%d bytes are %d chunks", size, len(q.chunks))
		}
		j := &journal{Name: "x", Validator: "x"}
		q.record(j)
		data := j.encode()
		if len(data) > maxJournal/2 {
			t.Errorf("the journal of %d bytes has %d", size, len(data))
		}
		back, err := parseJournal(data)
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		if r := restoreQueue(back); r.size != size || r.unit != q.unit || r.left != q.left {
			t.Errorf("%d bytes are restored as %d", size, r.size)
		}
	}
}
