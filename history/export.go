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

// formatVersion is that of exported files, the value of their first key.
const formatVersion = 1

// An exported conversation is all of it. Messages are named by their place in it,
// from 1 on; parents come before their children.
type exported struct {
	Title    string            `json:"title"`
	Renamed  bool              `json:"renamed,omitempty"`
	Mode     string            `json:"mode"`
	Model    string            `json:"model"`
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
	Draft    string            `json:"draft,omitempty"`
	Leaf     int               `json:"leaf,omitempty"`
	Messages []exportedMessage `json:"messages"`
}

// An exportedMessage has La Plateforme's names for what it has of a message.
type exportedMessage struct {
	Parent int `json:"parent,omitempty"`
	engine.Message
	Attached []Attachment `json:"attached,omitempty"`
	Created  time.Time    `json:"created"`
	State    string       `json:"state,omitempty"` // "" is complete
	Measured Measured     `json:"measured,omitzero"`
}

// ExportJSON writes conversations with all that belongs to them, for [Store.Import]
// and for other programs:
//
//	{"bise_history":1,"conversations":[
//	{"title":"…","mode":"chat","model":"…","created":"…","updated":"…","leaf":2,"messages":[
//	  {"role":"user","content":"…","created":"…"},
//	  {"parent":1,"role":"assistant","content":"…","created":"…","measured":{…}}]}
//	]}
//
// Each conversation is a line. Pictures are data: URLs, thinking is a chunk of the
// content.
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
		Title: c.Title, Renamed: c.Renamed, Mode: c.Mode, Model: c.Model, Draft: c.Draft,
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

// Import adds the conversations of an exported file and gives their ids. Those that
// are here already are passed over; present counts them. When something is wrong
// with the file, nothing of it is kept and the error has kind [fault.BadData].
func (s *Store) Import(ctx context.Context, r io.Reader) (ids []int64, present int, err error) {
	defer func() {
		if err != nil && len(ids) > 0 {
			// The caller may be leaving; half of a file must not stay.
			if undo := s.Purge(context.WithoutCancel(ctx), ids...); undo != nil {
				err = fmt.Errorf("%w; and what was imported before is still there: %w", err, undo)
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

// decode reads an exported file, a conversation at a time.
func decode(in *bounded, take func(*exported) error) error {
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
				return bad("its version is not a number", err)
			}
			if version > formatVersion {
				return bad(fmt.Sprintf("a newer bise wrote it (version %d, this one knows %d)", version, formatVersion), nil)
			}
		case "conversations":
			if version < 1 {
				return bad("it does not begin with its version, as exported histories do", nil)
			}
			if t, err := dec.Token(); err != nil || t != json.Delim('[') {
				return bad("its conversations are not a list", err)
			}
			for n := 1; dec.More(); n++ {
				in.more()
				e := &exported{}
				if err := dec.Decode(e); err != nil {
					return bad(fmt.Sprintf("conversation %d cannot be read", n), err)
				}
				if err := e.check(); err != nil {
					return bad(fmt.Sprintf("conversation %d is not possible", n), err)
				}
				if err := take(e); err != nil {
					return err
				}
			}
			if _, err := dec.Token(); err != nil {
				return bad("its list of conversations does not end", err)
			}
		default: // of a later version
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return bad("it cannot be read", err)
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
