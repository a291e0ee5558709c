package history

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
)

const (
	// maxMessage is the size limit of a message with its attachments, in bytes: more than
	// any context window holds.
	maxMessage = 64 << 20
	// maxInline is the longest attached text, in bytes, that is stored in its message.
	// Longer texts become blobs.
	maxInline = 512
)

// stored is a message's content in the database: large chunks refer to blobs.
type stored struct {
	Chunks     []storedChunk     `json:"chunks,omitempty"`
	ToolCalls  []engine.ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string            `json:"tool_call_id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Prefix     bool              `json:"prefix,omitempty"`
	Attached   []Attachment      `json:"attached,omitempty"`
}

// A storedChunk is an [engine.Chunk] whose text, image or audio may be a blob.
type storedChunk struct {
	Type  engine.ChunkType `json:"type"`
	Text  string           `json:"text,omitempty"`
	Open  bool             `json:"open,omitempty"`
	Raw   json.RawMessage  `json:"raw,omitempty"`
	Blob  int64            `json:"blob,omitempty"`
	Media string           `json:"media,omitempty"` // of a blob without text: image/png
	URL   string           `json:"url,omitempty"`   // of what is not a base64 data: URL
}

// storeContent stores the large chunks of a message as blobs, and returns the content and
// the blobs it refers to.
func storeContent(ctx context.Context, tx *sql.Tx, m *Message) (*stored, []int64, error) {
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
			if c.Media, data = parseDataURL(k.ImageURL); data == nil {
				c.URL = k.ImageURL
			}
		case k.Type == engine.AudioChunk:
			if c.Media, data = parseDataURL(k.AudioURL); data == nil {
				c.URL = k.AudioURL
			}
		case attached[i] && len(k.Text) > maxInline:
			c.Text, data = "", []byte(k.Text)
		}
		if data != nil {
			var err error
			if c.Blob, err = keepBlob(ctx, tx, data, k.Type == engine.TextChunk); err != nil {
				return nil, nil, err
			}
			blobs = append(blobs, c.Blob)
		}
		s.Chunks = append(s.Chunks, c)
	}
	return s, blobs, nil
}

// parseDataURL splits a base64 data: URL. The data is nil for other URLs, and for one that
// would not be encoded to the same text again.
func parseDataURL(dataURL string) (media string, data []byte) {
	rest, ok := strings.CutPrefix(dataURL, "data:")
	if !ok {
		return "", nil
	}
	media, encoded, ok := strings.Cut(rest, ";base64,")
	if !ok {
		return "", nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // the decoder skips them
		return "", nil
	}
	return media, data
}

// message copies the stored content to m; blob reads a blob by its row.
func (s *stored) message(m *Message, blob func(int64) ([]byte, error)) error {
	m.ToolCalls, m.ToolCallID, m.Name, m.Prefix, m.Attached = s.ToolCalls, s.ToolCallID, s.Name, s.Prefix, s.Attached
	m.Content = nil
	for _, c := range s.Chunks {
		k := engine.Chunk{Type: c.Type, Text: c.Text, Open: c.Open, Raw: c.Raw}
		url := c.URL
		if c.Blob != 0 {
			data, err := blob(c.Blob)
			if err != nil {
				return fmt.Errorf("read an attachment: %w", err)
			}
			if c.Type == engine.ImageChunk || c.Type == engine.AudioChunk {
				url = "data:" + c.Media + ";base64," + base64.StdEncoding.EncodeToString(data)
			} else {
				k.Text = string(data)
			}
		}
		if c.Type == engine.AudioChunk {
			k.AudioURL = url
		} else {
			k.ImageURL = url
		}
		m.Content = append(m.Content, k)
	}
	return nil
}

// text is the text of a message for search: its own text and the names of attachments. It
// has no thinking and no contents of files: the user would not see why a message matches.
func (s *stored) text() string {
	parts := []string{s.ownText()}
	for _, a := range s.Attached {
		parts = append(parts, a.Name)
	}
	return strings.TrimPrefix(strings.Join(parts, "\n\n"), "\n\n")
}

// ownText is the message's text without attachments.
func (s *stored) ownText() string {
	var parts []string
	for i, c := range s.Chunks {
		if c.Type == engine.TextChunk && !slices.ContainsFunc(s.Attached, func(a Attachment) bool { return a.Chunk == i }) {
			parts = append(parts, c.Text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// title is the title of a conversation that begins with this message.
func (s *stored) title() string {
	if line := oneLine(s.ownText(), maxTitle); line != "" || len(s.Attached) == 0 {
		return line
	}
	return oneLine(s.Attached[0].Name, maxTitle)
}

// marshal is json.Marshal without escapes for <, > and &.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// A jsonColumn is a column with v, a pointer, as JSON.
type jsonColumn struct{ v any }

func (c jsonColumn) Scan(column any) error {
	switch column := column.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(column), c.v)
	}
	return fmt.Errorf("JSON in a column of type %T", column)
}

func (c jsonColumn) Value() (driver.Value, error) {
	data, err := marshal(c.v)
	return string(data), err
}
