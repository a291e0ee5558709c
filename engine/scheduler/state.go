package scheduler

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bise-sh/bise/atomicfile"
)

// States keeps the KV of conversations that left memory, a file each, in a
// folder for the model and everything that shapes its KV. A file is
//
//	"bise-kv\x00"  magic
//	uint32         version, 1
//	[32]byte       key: what the KV depends on besides the tokens
//	uint32         number of tokens
//	[n]int32       tokens, the prefix this is the state of
//	uint64         bytes of state
//	[n]byte        state, as llama_state_seq_get_data gives it
//	uint32         CRC-32C of all before
//
// all little-endian. A file that is not exactly this is removed: KV can always
// be computed again. The folder above is bounded over all models; the least
// recently used file goes first.
type States struct {
	root, dir string
	key       [32]byte
	max       int64

	mu      sync.Mutex
	entries []*stateEntry

	queue   []*stateEntry // to be written
	pending int64         // bytes of them
	idle    *sync.Cond    // signalled when the queue changes
	closed  bool
	ended   chan struct{} // closed when the writer has ended
	written func()        // called after each file
}

type stateEntry struct {
	path   string
	tokens []Token
	state  []byte // until it is written
}

const (
	stateMagic   = "bise-kv\x00"
	stateVersion = 1
	stateHeader  = len(stateMagic) + 4 + 32 + 4
	// A shorter conversation is evaluated again sooner than its file is worth.
	stateMinTokens = 64
	stateMaxTokens = 1 << 24
	// statePending is how many bytes may wait to be written. More are not kept: a slow disk
	// must not take the memory, nor hold up requests.
	statePending = 512 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenStates opens the store for KV of one key below root, which it creates.
func OpenStates(root string, key [32]byte, maxBytes int64) (*States, error) {
	s := &States{
		root: root, dir: filepath.Join(root, hex.EncodeToString(key[:8])), key: key, max: maxBytes,
		ended: make(chan struct{}), written: func() {},
	}
	s.idle = sync.NewCond(&s.mu)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open saved conversations: %w", err)
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("open saved conversations: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name())
		if info, err := f.Info(); err == nil && filepath.Ext(path) == ".tmp" && time.Since(info.ModTime()) < time.Hour {
			continue // another process is writing it
		}
		tokens, err := s.readTokens(path)
		if err != nil {
			slog.Warn("saved conversation removed", "file", f.Name(), "err", err)
			os.RemoveAll(path)
			continue
		}
		s.entries = append(s.entries, &stateEntry{path: path, tokens: tokens})
	}
	go s.write()
	return s, nil
}

// close waits until everything is written.
func (s *States) close() {
	s.mu.Lock()
	s.closed = true
	s.idle.Broadcast()
	s.mu.Unlock()
	<-s.ended
}

// full reports whether the disk lags so far behind that nothing more is taken.
func (s *States) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending >= statePending
}

// wait waits until more is taken.
func (s *States) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.pending >= statePending {
		s.idle.Wait()
	}
}

// best is the entry that shares the most leading tokens with prompt, and how many.
func (s *States) best(prompt []Token) (*stateEntry, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *stateEntry
	most := 0
	for _, e := range s.entries {
		if n := commonPrefix(e.tokens, prompt); n > most {
			found, most = e, n
		}
	}
	return found, most
}

// load reads an entry's state. An entry that cannot be read is gone afterwards.
func (s *States) load(e *stateEntry) ([]byte, error) {
	s.mu.Lock()
	state := e.state
	s.mu.Unlock()
	if state != nil {
		return state, nil
	}
	state, err := s.readState(e)
	if err != nil {
		s.drop(e)
		return nil, err
	}
	now := time.Now()
	os.Chtimes(e.path, now, now) // for the order in which files go; a failure costs only that
	return state, nil
}

// save keeps the state of tokens. It returns at once: the file is written in the
// background, and the state can be loaded before that ends.
func (s *States) save(tokens []Token, state []byte) {
	if int64(len(state)) > s.max {
		return // it would be removed at once
	}
	tokens = slices.Clone(tokens)
	h := sha256.New()
	h.Write(s.key[:])
	binary.Write(h, binary.LittleEndian, tokens)
	e := &stateEntry{path: filepath.Join(s.dir, hex.EncodeToString(h.Sum(nil)[:16])+".kv"), tokens: tokens, state: state}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	s.queue = append(s.queue, e)
	s.pending += int64(len(state))
	s.idle.Broadcast()
}

func (s *States) write() {
	defer close(s.ended)
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.idle.Wait()
		}
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return
		}
		e := s.queue[0]
		s.mu.Unlock()
		s.writeEntry(e)
		s.mu.Lock()
		s.queue = s.queue[1:]
		s.idle.Broadcast()
		s.mu.Unlock()
		s.written()
	}
}

// writeEntry writes a file, and removes the files that it makes superfluous.
func (s *States) writeEntry(e *stateEntry) {
	err := s.writeFile(e)
	s.mu.Lock()
	s.pending -= int64(len(e.state))
	e.state = nil
	s.mu.Unlock()
	if err != nil {
		slog.Warn("conversation not saved", "err", err)
		s.drop(e)
		return
	}
	// What this one continues is in it.
	var old []*stateEntry
	s.mu.Lock()
	for _, o := range s.entries {
		if o != e && o.state == nil && len(o.tokens) <= len(e.tokens) && commonPrefix(o.tokens, e.tokens) == len(o.tokens) {
			old = append(old, o)
		}
	}
	s.mu.Unlock()
	for _, o := range old {
		if o.path == e.path {
			s.forget(o)
		} else {
			s.drop(o)
		}
	}
	s.prune()
}

// prune removes the least recently used files until the folder is within its bound.
func (s *States) prune() {
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	var total int64
	filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			files = append(files, file{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
		return nil
	})
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, f := range files {
		if total <= s.max {
			return
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
		s.mu.Lock()
		s.entries = slices.DeleteFunc(s.entries, func(e *stateEntry) bool { return e.path == f.path && e.state == nil })
		s.mu.Unlock()
	}
}

func (s *States) drop(e *stateEntry) {
	os.Remove(e.path)
	s.forget(e)
}

func (s *States) forget(e *stateEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.DeleteFunc(s.entries, func(o *stateEntry) bool { return o == e })
}

func (s *States) header(tokens []Token, state int) []byte {
	b := append([]byte(nil), stateMagic...)
	b = binary.LittleEndian.AppendUint32(b, stateVersion)
	b = append(b, s.key[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(tokens)))
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	return binary.LittleEndian.AppendUint64(b, uint64(state))
}

func (s *States) writeFile(e *stateEntry) error {
	f, err := atomicfile.Create(e.path, 0o600)
	if err != nil {
		return err
	}
	f.NoSync = true // its checksum detects damage
	head := s.header(e.tokens, len(e.state))
	sum := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, e.state)
	for _, b := range [][]byte{head, e.state, binary.LittleEndian.AppendUint32(nil, sum)} {
		if _, err := f.Write(b); err != nil {
			f.Discard()
			return err
		}
	}
	return f.Commit()
}

var errNotState = errors.New("not a saved conversation of this model")

// readTokens reads a file's header and checks its length, not its checksum.
func (s *States) readTokens(path string) ([]Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotState
	}
	head := make([]byte, stateHeader)
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head[:stateHeader-4], s.header(nil, 0)[:stateHeader-4]) {
		return nil, errNotState
	}
	n := int64(binary.LittleEndian.Uint32(head[stateHeader-4:]))
	if n > stateMaxTokens || info.Size() < int64(stateHeader)+4*n+8+4 {
		return nil, errNotState
	}
	rest := make([]byte, 4*n+8)
	if _, err := io.ReadFull(f, rest); err != nil {
		return nil, errNotState
	}
	if state := binary.LittleEndian.Uint64(rest[4*n:]); state != uint64(info.Size()-int64(stateHeader)-4*n-8-4) {
		return nil, errNotState
	}
	tokens := make([]Token, n)
	for i := range tokens {
		tokens[i] = Token(binary.LittleEndian.Uint32(rest[4*i:]))
	}
	return tokens, nil
}

func (s *States) readState(e *stateEntry) ([]byte, error) {
	data, err := os.ReadFile(e.path)
	if err != nil {
		return nil, err
	}
	head := len(s.header(e.tokens, 0))
	if len(data) < head+4 {
		return nil, errNotState
	}
	state := data[head : len(data)-4]
	if !bytes.Equal(data[:head], s.header(e.tokens, len(state))) {
		return nil, errNotState
	}
	if crc32.Checksum(data[:len(data)-4], castagnoli) != binary.LittleEndian.Uint32(data[len(data)-4:]) {
		return nil, errors.New("wrong checksum")
	}
	return state, nil
}

// commonPrefix is how many leading tokens a and b share.
func commonPrefix(a, b []Token) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
