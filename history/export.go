package history

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/bise-sh/bise/engine"
)

// formatVersion is the version of exported files, the value of their first key.
const formatVersion = 1

// An exported is a complete conversation. Messages refer to each other by their position,
// counted from 1; parents come before their children.
type exported struct {
	Title      string            `json:"title"`
	Renamed    bool              `json:"renamed,omitempty"`
	Mode       string            `json:"mode"`
	Model      string            `json:"model"`
	Created    time.Time         `json:"created"`
	Updated    time.Time         `json:"updated"`
	Draft      string            `json:"draft,omitempty"`
	System     string            `json:"system,omitempty"`
	Parameters engine.Parameters `json:"parameters,omitzero"`
	Leaf       int               `json:"leaf,omitempty"`
	Messages   []exportedMessage `json:"messages"`
}

// An exportedMessage uses La Plateforme's names.
type exportedMessage struct {
	Parent int `json:"parent,omitempty"`
	engine.Message
	Attached []Attachment `json:"attached,omitempty"`
	Created  time.Time    `json:"created"`
	State    string       `json:"state,omitempty"` // "" is complete
	Measured Measured     `json:"measured,omitzero"`
}

// ExportJSON writes complete conversations, for [Store.Import] and for other programs:
//
//	{"bise_history":1,"conversations":[
//	{"title":"…","mode":"chat","model":"…","created":"…","updated":"…","leaf":2,"messages":[
//	  {"role":"user","content":"…","created":"…"},
//	  {"parent":1,"role":"assistant","content":"…","created":"…","measured":{…}}]}
//	]}
//
// Each conversation is a line. Images are data: URLs, thinking is a chunk of the content.
func (s *Store) ExportJSON(ctx context.Context, w io.Writer, ids ...int64) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, `{"bise_history":%d,"conversations":[`, formatVersion)
	for i, id := range ids {
		c, err := s.export(ctx, id)
		if err != nil {
			return err
		}
		data, err := marshal(c)
		if err != nil {
			return fmt.Errorf("export conversation %d: %w", id, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(data) // a failure shows at Flush
	}
	b.WriteString("\n]}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("export the history: %w", err)
	}
	return nil
}

func (s *Store) export(ctx context.Context, id int64) (*exported, error) {
	c, err := s.Conversation(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := s.All(ctx, id)
	if err != nil {
		return nil, err
	}
	e := &exported{
		Title: c.Title, Renamed: c.Renamed, Mode: c.Mode, Model: c.Model, Draft: c.Draft, System: c.System, Parameters: c.Parameters,
		Created: c.Created.UTC(), Updated: c.Updated.UTC(), Messages: []exportedMessage{},
	}
	places := map[int64]int{}
	for i, m := range all {
		places[m.ID] = i + 1
		x := exportedMessage{
			Parent: places[m.Parent], Message: m.Message, Attached: m.Attached, Created: m.Created.UTC(), Measured: m.Measured,
		}
		if m.State != Complete {
			x.State = m.State.String()
		}
		e.Messages = append(e.Messages, x)
	}
	e.Leaf = places[c.Leaf]
	return e, nil
}

// Import adds the conversations of an exported file and returns their ids. It skips
// conversations that exist already and counts them in present. After an error nothing of
// the file is kept; an invalid file is an error of kind [fault.BadData].
func (s *Store) Import(ctx context.Context, r io.Reader) (ids []int64, present int, err error) {
	defer func() {
		if err != nil && len(ids) > 0 {
			// The context may be cancelled; half of a file must not stay.
			if undo := s.Purge(context.WithoutCancel(ctx), ids...); undo != nil {
				err = fmt.Errorf("%w; conversations imported before the error remain: %w", err, undo)
			}
			ids = nil
		}
	}()
	in := &bounded{r: r, limit: maxConversation}
	err = decode(in, func(e *exported) error {
		id, err := s.importOne(ctx, e)
		switch {
		case err != nil:
			return err
		case id == 0:
			present++
		default:
			ids = append(ids, id)
		}
		return nil
	})
	return ids, present, err
}

// decode reads an exported file and calls add for each conversation.
func decode(in *bounded, add func(*exported) error) error {
	dec := json.NewDecoder(in)
	bad := func(what string, err error) error {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return importError(what, dec.InputOffset(), err)
	}
	in.more()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return bad("it is not an exported history", err)
	}
	version := 0
	for dec.More() {
		in.more()
		key, err := dec.Token()
		if err != nil {
			return bad("it breaks off", err)
		}
		switch key {
		case "bise_history":
			if err := dec.Decode(&version); err != nil {
				return bad("invalid version", err)
			}
			if version > formatVersion {
				return bad(fmt.Sprintf("it has version %d of a newer bise; this one reads up to %d", version, formatVersion), nil)
			}
		case "conversations":
			if version < 1 {
				return bad("it does not begin with a version", nil)
			}
			if t, err := dec.Token(); err != nil || t != json.Delim('[') {
				return bad("its conversations are not a list", err)
			}
			for n := 1; dec.More(); n++ {
				in.more()
				e := &exported{}
				if err := dec.Decode(e); err != nil {
					return bad(fmt.Sprintf("read conversation %d", n), err)
				}
				if err := e.check(); err != nil {
					return bad(fmt.Sprintf("invalid conversation %d", n), err)
				}
				if err := add(e); err != nil {
					return err
				}
			}
			if _, err := dec.Token(); err != nil {
				return bad("its list of conversations does not end", err)
			}
		default: // of a later version
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return bad("invalid JSON", err)
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return bad("it breaks off", err)
	}
	if version == 0 {
		return bad("it is not an exported history", nil)
	}
	return nil
}
