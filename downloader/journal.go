package downloader

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

const (
	partSuffix    = ".part"
	journalSuffix = ".journal"

	journalHeader = "bise journal 1 "
	maxJournal    = 1 << 20  // bytes
	maxChunks     = 16 << 10 // of a file
	maxSize       = 8 << 40  // bytes; far more than any model
	smallestUnit  = 4 << 10  // bytes
)

// castagnoli is the polynomial with hardware support.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A journal is the state of a partial file. Its file has a line with the CRC-32C of the next
// line, a line of JSON with the chunks that are synced to the disk, and a line for each chunk
// written since. Those later lines survive a crash of the process, but not of the machine.
type journal struct {
	Name      string `json:"name"`
	Size      int64  `json:"size"`                // bytes
	Hash      Hash   `json:"hash,omitempty"`      // the expected one
	Validator string `json:"validator,omitempty"` // of the server's version, for If-Range
	Unit      int64  `json:"unit"`                // bytes of a chunk; the last may have fewer
	Done      []byte `json:"done"`                // a bit for each chunk, lowest first
	Sums      []byte `json:"sums"`                // CRC-32C of each done chunk, little-endian
	Owner     owner  `json:"owner,omitzero"`      // the process that downloads it

	notes []note
}

// A note records a written chunk.
type note struct {
	chunk int
	sum   uint32 // CRC-32C
}

// append adds a note's line: the number of the chunk, its checksum, and the checksum of both.
func (n note) append(to []byte) []byte {
	line := fmt.Sprintf("%08x %08x", n.chunk, n.sum)
	return fmt.Appendf(to, "%s %08x\n", line, crc32.Checksum([]byte(line), castagnoli))
}

// parseNote parses a note's line, without the line break.
func parseNote(line []byte) (n note, ok bool) {
	var sum uint32
	count, err := fmt.Sscanf(string(line), "%x %x %x", &n.chunk, &n.sum, &sum)
	return n, err == nil && count == 3 && n.chunk >= 0 && string(n.append(nil)) == string(line)+"\n"
}

// An owner is a process that downloads a file. Its lock on the file excludes others. The owner
// is recorded for file systems without locks, and for display.
type owner struct {
	ID   string `json:"id"` // of this one fetch
	Host string `json:"host"`
	PID  int    `json:"pid"`
	Beat int64  `json:"beat"` // grows while the owner is alive
}

func (j *journal) chunks() int { return int((j.Size + j.Unit - 1) / j.Unit) }

func (j *journal) done(i int) bool { return j.Done[i/8]>>(i%8)&1 == 1 }

func (j *journal) sum(i int) uint32 { return binary.LittleEndian.Uint32(j.Sums[4*i:]) }

// encode encodes a journal without its notes.
func (j *journal) encode() []byte {
	text, err := json.Marshal(j)
	if err != nil {
		panic("downloader: a journal cannot be written: " + err.Error())
	}
	return fmt.Appendf(nil, "%s%08x\n%s\n", journalHeader, crc32.Checksum(text, castagnoli), text)
}

var errJournal = errors.New("it is not a journal of this version, or it is damaged")

// parseJournal parses and validates a journal.
func parseJournal(data []byte) (*journal, error) {
	header, rest, _ := bytes.Cut(data, []byte("\n"))
	text, notes, ok := bytes.Cut(rest, []byte("\n"))
	sum, valid := strings.CutPrefix(string(header), journalHeader)
	if !ok || !valid || len(data) > maxJournal || sum != fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) {
		return nil, errJournal
	}
	j := new(journal)
	if err := json.Unmarshal(text, j); err != nil {
		return nil, errJournal
	}
	if hash, err := ParseHash(string(j.Hash)); err != nil || hash != j.Hash {
		return nil, errJournal
	}
	if j.Size < 0 || j.Size > maxSize || j.Unit < smallestUnit || j.Unit > maxSize || j.Size/j.Unit >= maxChunks {
		return nil, errJournal
	}
	if n := j.chunks(); len(j.Done) != (n+7)/8 || len(j.Sums) != 4*n {
		return nil, errJournal
	}
	// The last note may be incomplete. Ignore everything after an invalid note.
	for line := range bytes.SplitSeq(notes, []byte("\n")) {
		n, ok := parseNote(line)
		if !ok || n.chunk >= j.chunks() {
			break
		}
		j.notes = append(j.notes, n)
	}
	return j, nil
}

// fits reports whether a journal belongs to a file. Without a hash it needs a validator, with
// which the server checks that the file is unchanged.
func (j *journal) fits(f File) bool {
	return j.Hash == f.Hash && j.Size > 0 && (f.Size < 0 || j.Size == f.Size) && (j.Hash != "" || j.Validator != "" && j.Name == f.Name)
}
