package scheduler

import (
	"cmp"
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/mistral/prompt"
)

// A Job is one request in the scheduler.
type Job struct {
	Prompt   []Token // not empty; images are runs of negative numbers
	Images   []Image // in the order of their places
	Samplers []Sampler
	Max      int  // tokens an answer may have, -1: no bound
	Min      int  // tokens an answer must have
	Seeded   bool // the same request must give the same answer
	Top      int  // likeliest alternatives wanted with each token, -1: no logprobs
	Stops    []string
	Ends     []Token // control tokens that end an answer besides those of the model
	Reader   func() prompt.Reader
	Steps    []Step          // constraints on the answer, in order; the samplers have the first one's grammar
	Schema   *grammar.Schema // the whole answer is checked against it, nil for none
	OneCall  bool            // an answer has at most one tool call
	Scored   bool            // the logprobs of the prompt are wanted, and that of the end token
	LeftOut  *engine.LeftOut
	// Match is how many tokens of an answer must have occurred before for the next ones to
	// be drafted from there, see lookup.go; 0: none are. Exact allows only drafts that cannot
	// change a token by the rounding of batches.
	Match   int
	Exact   bool
	Arrived time.Time

	ctx       context.Context // of the job's life, for grammars that are built in it
	cancel    context.CancelFunc
	out       *stream
	cancelled atomic.Bool

	// Progress, for the reader of the stream.
	ahead   atomic.Int32 // jobs ahead in the queue
	reused  atomic.Int32 // prompt tokens found in the KV cache
	done    atomic.Int32 // prompt tokens evaluated or reused
	inBatch atomic.Int32 // prompt tokens in the batch being computed

	// Fields below belong to the scheduler's goroutine.
	answers   []*answer
	firstRow  int // of the prompt's tokens in the batch
	evaluated int
	generated int
	drafted   int // tokens that were looked up
	accepted  int // of these
	admitted  time.Time
	restore   time.Duration
	yielded   int64     // 1 + the jobs that had ended when this one yielded to others, or 0
	prefilled time.Time // the prompt is evaluated
	first     time.Time // the first token
	ended     bool
}

// An Image is a part of a prompt whose embeddings are computed.
type Image interface {
	Place() (at, n int) // first token and number of tokens
}

// A Step constrains a part of an answer: Force is written first, then Grammar constrains
// the text until it is complete, and the next step begins. By selects the grammar by the
// text of the step before.
type Step struct {
	Force   []Token
	Grammar string
	By      map[string]string
}

// Free frees the samplers of a job that was not submitted.
func (j *Job) Free() {
	for _, x := range j.Samplers {
		x.Free()
	}
}

func (j *Job) n() int { return len(j.Samplers) }

// prefilling reports whether the prompt is not evaluated yet.
func (j *Job) prefilling() bool { return int(j.done.Load()) < len(j.Prompt) }

// reserve is the largest number of cells the job may need, or the likely one without a
// bound.
func (j *Job) reserve() int {
	if j.Max < 0 {
		return j.likely()
	}
	return len(j.Prompt) + j.n()*j.Max
}

// likely is the expected number of cells of the job.
func (j *Job) likely() int {
	room := DefaultRoom
	if j.Max >= 0 {
		room = min(room, j.Max)
	}
	return len(j.Prompt) + j.n()*room
}

// cells is the current number of cells of the job, its prompt counted once.
func (j *Job) cells() int {
	n := 0
	for _, a := range j.answers {
		n += len(a.slot.tokens)
		if a.choice > 0 {
			n -= min(len(j.Prompt), len(a.slot.tokens))
		}
	}
	return n
}

// cachedNow is the number of prompt tokens that were cached. It may be called from any
// goroutine.
func (j *Job) cachedNow() int { return int(j.reused.Load()) }

// left is the number of prompt tokens to evaluate before the next image or the end of the
// prompt.
func (j *Job) left() int {
	done := int(j.done.Load())
	for _, p := range j.Images {
		at, n := p.Place()
		if at >= done {
			return at - done
		}
		if done < at+n {
			return 0
		}
	}
	return len(j.Prompt) - done
}

// DefaultRoom is the expected length in tokens of an answer without a bound, for sizing
// the context.
const DefaultRoom = 1024

// An answer is one of a job's answers while it is written.
type answer struct {
	job      *Job
	choice   int
	slot     *slot
	sampler  Sampler
	steps    []Step // to come, the current one first
	reader   prompt.Reader
	text     Text
	next     []Token         // chosen or forced, not evaluated yet
	taken    int             // of next, in the batch
	row      int             // its output in the batch, -1 for none
	count    int             // tokens generated
	calls    int             // tool calls made
	written  strings.Builder // text of the current step
	whole    strings.Builder // text of the answer, where a schema is checked
	lookup   lookup
	draft    []Token // in the batch after next
	draftRow int     // the first output of these
	building bool    // the sampler is with the goroutine that builds its grammar
	ended    bool

	logprobs []engine.Logprob // of tokens whose text is not emitted yet
}

// A slot is a sequence of the context.
type slot struct {
	seq       int
	tokens    []Token // what its cells hold
	cells     []int32 // in the ledger
	scores    scores  // of its first tokens, as far as they were asked for
	canonical int     // leading tokens evaluated in full batches
	saved     int     // leading tokens that are on disk
	aside     bool    // a snapshot of a recurrent state, not a conversation
	busy      bool
	used      int64 // scheduler's clock at its last use
}

// prefix is how many tokens of a job's prompt a slot has at its beginning, with their scores if
// the job wants them. The last token is always evaluated.
func (o *slot) prefix(j *Job) int {
	n := commonPrefix(o.tokens, j.Prompt[:len(j.Prompt)-1])
	if j.Scored {
		n = min(n, o.scores.known(j)-1)
	}
	return n
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
