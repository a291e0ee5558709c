package console

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// record keeps what is written and when, in tenths of a second.
type record struct {
	began  time.Time
	writes []string
	tenths []int64
}

func (r *record) Write(p []byte) (int, error) {
	r.writes = append(r.writes, string(p))
	r.tenths = append(r.tenths, time.Since(r.began).Milliseconds()/100)
	return len(p), nil
}

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{began: time.Now()}
		p := &progress{w: r, size: func() (int, int) { return 40, 24 }}
		text := "a"
		p.wait(func(columns int) string {
			equal(t, "columns", columns, 39)
			return text
		})
		time.Sleep(950 * time.Millisecond)
		synctest.Wait()
		equal(t, "writes in the first second", len(r.writes), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "writes of one line", len(r.writes), 1)
		equal(t, "tenths", r.tenths[0], 10)
		equal(t, "line", r.writes[0], "\ra\x1b[K")
		p.wait(func(int) string { return strings.Repeat("x", 50) })
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		equal(t, "long line", r.writes[1], "\r"+strings.Repeat("x", 38)+"…\x1b[K")
		p.erase()
		equal(t, "erased", r.writes[2], "\r\x1b[K")
		p.erase()
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "writes", len(r.writes), 3)
	})
}

func TestProgressIsDrawnTenTimesASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{began: time.Now()}
		p := &progress{w: r, size: func() (int, int) { return 80, 24 }}
		for range 200 {
			p.wait(func(int) string { return time.Since(r.began).String() })
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(r.writes); n < 9 || n > 11 {
			t.Errorf("%d writes in the second second", n)
		}
		p.erase()
	})
}

func TestProgressElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{began: time.Now()}
		p := &progress{w: r, size: func() (int, int) { return 80, 24 }, plain: true}
		p.wait(func(int) string { return "reading" })
		time.Sleep(25 * time.Second)
		synctest.Wait()
		equal(t, "written", strings.Join(r.writes, "|"), "reading\n|reading\n")
		equal(t, "first", r.tenths[0], 100)
		equal(t, "second", r.tenths[1], 200)
		p.erase()

		p.calm(true)
		p.wait(func(int) string { return "reading" })
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "writes when quiet", len(r.writes), 2)
	})
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
