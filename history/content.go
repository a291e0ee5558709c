package history

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
)

const (
	// maxMessage is the most that a message may hold, in bytes with what is attached:
	// more than any context has room for.
	maxMessage = 64 << 20
	// maxInline is the longest attached text that stays in its message. Whatever is
	// longer is worth being kept once.
	maxInline = 512
)

// stored is a message's content as the database has it: what is large is a blob,
// named by its row.
type stored struct {
	Chunks     []storedChunk     `json:"chunks,omitempty"`
	ToolCalls  []engine.ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string            `json:"tool_call_id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Prefix     bool              `json:"prefix,omitempty"`
	Attached   []Attachment      `json:"attached,omitempty"`
}

// A storedChunk is an [engine.Chunk] whose text, or whose picture, may be a blob.
type storedChunk struct {
	Type  engine.ChunkType `json:"type"`
	Text  string           `json:"text,omitempty"`
	Open  bool             `json:"open,omitempty"`
	Raw   json.RawMessage  `json:"raw,omitempty"`
	Blob  int64            `json:"blob,omitempty"`
	Media string           `json:"media,omitempty"` // of a picture in a blob: image/png
	URL   string           `json:"url,omitempty"`   // of a picture that is not a base64 data: URL
}

// store puts away what is large in a message, and gives the content with the blobs
// that it names.
func store(ctx context.Context, tx *sql.Tx, m *Message) (*stored, []int64, error) {
	s := &stored{ToolCalls: m.ToolCalls, ToolCallID: m.ToolCallID, Name: m.Name, Prefix: m.Prefix, Attached: m.Attached}
	attached := map[int]bool{}
	for _, a := range m.Attached {
		attached[a.Chunk] = true
	}
	var blobs []int64
	for i, k := range m.Content {
		c := storedChunk{Type: k.Type, Text: k.Text, Open: k.Open, Raw: k.Raw}
		var data []byte
		switch {
		case k.Type == engine.ImageChunk:
			if c.Media, data = picture(k.ImageURL); data == nil {
				c.URL = k.ImageURL
			}
		case attached[i] && len(k.Text) > maxInline:
			c.Text, data = "", []byte(k.Text)
		}
		if data != nil {
			var err error
			if c.Blob, err = keep(ctx, tx, data, k.Type == engine.TextChunk); err != nil {
				return nil, nil, err
			}
			blobs = append(blobs, c.Blob)
		}
		s.Chunks = append(s.Chunks, c)
	}
	return s, blobs, nil
}

// picture takes a data: URL apart; the data is nil when it is not one, or one that
// would not come back the same.
func picture(dataURL string) (media string, data []byte) {
	rest, ok := strings.CutPrefix(dataURL, "data:")
	if !ok {
		return "", nil
	}
	media, encoded, ok := strings.Cut(rest, ";base64,")
	if !ok {
		return "", nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder passes over
		return "", nil
	}
	return media, data
}

// message is the stored content as a message has it; blob fetches a row of blobs.
func (s *stored) message(m *Message, blob func(int64) ([]byte, error)) error {
	m.ToolCalls, m.ToolCallID, m.Name, m.Prefix, m.Attached = s.ToolCalls, s.ToolCallID, s.Name, s.Prefix, s.Attached
	m.Content = nil
	for _, c := range s.Chunks {
		k := engine.Chunk{Type: c.Type, Text: c.Text, Open: c.Open, Raw: c.Raw, ImageURL: c.URL}
		if c.Blob != 0 {
			data, err := blob(c.Blob)
			if err != nil {
				return fmt.Errorf("read what is attached: %w", err)
			}
			if c.Type == engine.ImageChunk {
				k.ImageURL = "data:" + c.Media + ";base64," + base64.StdEncoding.EncodeToString(data)
			} else {
				k.Text = string(data)
			}
		}
		m.Content = append(m.Content, k)
	}
	return nil
}

// text is what search finds in a stored message: what was written, and the names of what
// was attached. What the model thought and what is in the files is left out: the user
// would not know why a message was found.
func (s *stored) text() string {
	parts := []string{s.said()}
	for _, a := range s.Attached {
		parts = append(parts, a.Name)
	}
	return strings.TrimPrefix(strings.Join(parts, "\n\n"), "\n\n")
}

// said is the message's text without what is attached.
func (s *stored) said() string {
	var parts []string
	for i, c := range s.Chunks {
		if c.Type == engine.TextChunk && !slices.ContainsFunc(s.Attached, func(a Attachment) bool { return a.Chunk == i }) {
			parts = append(parts, c.Text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// title is the title that a conversation gets of its first message.
func (s *stored) title() string {
	if line := oneLine(s.said(), maxTitle); line != "" || len(s.Attached) == 0 {
		return line
	}
	return oneLine(s.Attached[0].Name, maxTitle)
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
