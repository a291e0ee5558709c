package local

import (
	"context"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/scheduler"
)

// Room returns how many of limit tokens are kept for the answer when turns are left out for it.
func Room(s *engine.Sampling, limit int) int {
	room := min(scheduler.DefaultRoom, limit/4)
	if s.MaxTokens != nil {
		room = min(*s.MaxTokens, limit/2)
	}
	return min(room*s.Choices(), limit/2)
}

// Shorten leaves out the oldest turns of a conversation of whole tokens until the rest has at most
// limit-[Room] tokens. A turn is a message of the user and what follows it up to the next one. System
// prompts and the last turn stay. count returns the number of tokens of a shorter conversation.
func Shorten(ctx context.Context, r *engine.ChatRequest, whole, limit int, count func(*engine.ChatRequest) (int, error)) (*engine.ChatRequest, *engine.LeftOut, error) {
	fits := limit - Room(&r.Sampling, limit)
	var turns []int // where they begin
	for i, m := range r.Messages {
		if m.Role == engine.User && (i == 0 || r.Messages[i-1].Role != engine.User) {
			turns = append(turns, i)
		}
	}
	// The number of turns to leave out is found by halving: more turns, fewer tokens.
	lo, hi := 1, len(turns)-1
	var found *engine.ChatRequest
	var left *engine.LeftOut
	shortest := whole
	for lo <= hi {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		mid := (lo + hi) / 2
		short := *r
		short.Messages = nil
		gone := 0
		for i, m := range r.Messages {
			if i < turns[mid] && m.Role != engine.System {
				gone++
				continue
			}
			short.Messages = append(short.Messages, m)
		}
		n, err := count(&short)
		if err != nil {
			return nil, nil, err
		}
		shortest = min(shortest, n)
		if n <= fits {
			found, left = &short, &engine.LeftOut{Messages: gone, Tokens: whole - n, Context: limit}
			hi = mid - 1
		} else {
			lo = mid + 1
		}
	}
	if found == nil {
		return nil, nil, engine.ErrTooLong(shortest, limit)
	}
	return found, left, nil
}
