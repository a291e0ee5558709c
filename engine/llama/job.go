//go:build cgo

package llama

import (
	"cmp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/mistral/prompt"
)

// A job is one request in the scheduler. Fields below owned belong to the scheduler's
// goroutine.
type job struct {
	prompt   []token     // images are runs of negative numbers, see imagePart
	images   []imagePart // in the order of their places
	n        int         // answers
	max      int         // tokens an answer may have, -1: no bound
	min      int         // tokens an answer must have
	seeded   bool        // the same request must give the same answer
	top      int         // likeliest alternatives wanted with each token, -1: no logprobs
	sampling sampling
	stops    []string
	ends     []token // control tokens that end an answer besides the EOG tokens of the model
	reader   func() prompt.Reader
	steps    []step          // constraints on the answer, in order
	schema   *grammar.Schema // the whole answer is checked against it, nil for none
	oneCall  bool            // an answer has at most one tool call
	scored   bool            // the logprobs of the prompt are wanted, and that of the end token
	leftOut  *engine.LeftOut

	out       *stream
	arrived   time.Time
	cancelled atomic.Bool

	// Progress, for the reader of the stream.
	ahead   atomic.Int32 // jobs ahead in the queue
	reused  atomic.Int32 // prompt tokens found in the KV cache
	done    atomic.Int32 // prompt tokens evaluated or reused
	inBatch atomic.Int32 // prompt tokens in the batch being computed

	// owned
	answers   []*answer
	firstRow  int // of the prompt's tokens in the batch
	evaluated int
	generated int
	admitted  time.Time
	restore   time.Duration
	prefilled time.Time // the prompt is evaluated
	first     time.Time // the first token
	ended     bool
}

// prefilling reports whether the prompt is not evaluated yet.
func (j *job) prefilling() bool { return int(j.done.Load()) < len(j.prompt) }

// reserve is the largest number of cells the job may need, or the likely one without a
// bound.
func (j *job) reserve() int {
	if j.max < 0 {
		return j.likely()
	}
	return len(j.prompt) + j.n*j.max
}

// likely is the expected number of cells of the job.
func (j *job) likely() int {
	room := defaultRoom
	if j.max >= 0 {
		room = min(room, j.max)
	}
	return len(j.prompt) + j.n*room
}

// cells is the current number of cells of the job, its prompt counted once.
func (j *job) cells() int {
	n := 0
	for _, a := range j.answers {
		n += len(a.slot.tokens) - a.slot.shared
	}
	return n
}

// cachedNow is the number of prompt tokens that were cached. It may be called from any
// goroutine.
func (j *job) cachedNow() int { return int(j.reused.Load()) }

// untilImage returns the place of the first image from place i on, or the end of
// the prompt.
func (j *job) untilImage(i int) int {
	for _, p := range j.images {
		if p.at >= i {
			return p.at
		}
		if i < p.at+p.n {
			return i
		}
	}
	return len(j.prompt)
}

// defaultRoom is the expected length in tokens of an answer without a bound, for sizing
// the context.
const defaultRoom = 1024

// An answer is one of a job's answers while it is written.
type answer struct {
	job     *job
	choice  int
	slot    *slot
	sampler *sampler
	steps   []step // to come, the current one first
	reader  prompt.Reader
	text    text
	next    []token         // chosen or forced, not evaluated yet
	row     int             // its output in the batch, -1 for none
	count   int             // tokens generated
	calls   int             // tool calls made
	written strings.Builder // text of the current step
	whole   strings.Builder // text of the answer, where a schema is checked
	ended   bool

	logprobs []engine.Logprob // of tokens whose text is not emitted yet
}

// A slot is a sequence of llama.cpp's memory.
type slot struct {
	seq       int
	tokens    []token // what its cells hold
	scores    scores  // of its first tokens, as far as they were asked for
	canonical int     // leading tokens evaluated in full batches
	shared    int     // leading tokens whose cells another slot holds too
	saved     int     // leading tokens that are on disk
	aside     bool    // a snapshot of a recurrent state, not a conversation
	busy      bool
	used      int64 // scheduler's clock at its last use
}

// compare orders slots that begin alike by how well a new job takes one over: idle ones,
// then the one that loses least, then the least recently used.
func (o *slot) compare(p *slot) int {
	if o.busy != p.busy {
		if p.busy {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(len(o.tokens), len(p.tokens)), cmp.Compare(o.used, p.used))
}
