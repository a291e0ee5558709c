package enginetest

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func testComplete(t *testing.T, c *check) {
	if writes.missing(c.info.Can) != "" {
		t.Skip(writes.missing(c.info.Can))
	}
	complete := func(req engine.CompletionRequest) Answer {
		t.Helper()
		req.Sampling = c.sampling(12)
		return collected(t, c.e.Complete(c.context(t), req))
	}
	plain := complete(engine.CompletionRequest{Prompt: "The wind blows"})
	if plain.Usage.CompletionTokens != 12 || plain.Reason() != engine.FinishLength {
		t.Errorf("a plain continuation has %d tokens, %s", plain.Usage.CompletionTokens, plain.Reason())
	}
	if again := complete(engine.CompletionRequest{Prompt: "The wind blows"}); again.Text() != plain.Text() {
		t.Errorf("a plain continuation is %q, then %q", plain.Text(), again.Text())
	}
	if c.info.Can.FIM {
		gap := complete(engine.CompletionRequest{Prompt: "The wind blows", Suffix: " over the lake."})
		if gap.Usage.PromptTokens <= plain.Usage.PromptTokens {
			t.Errorf("the prompt has %d tokens with a suffix and %d without", gap.Usage.PromptTokens, plain.Usage.PromptTokens)
		}
	}

	// An empty text has something to say too, or is refused.
	a, err := Collect(c.e.Complete(c.context(t), engine.CompletionRequest{Sampling: c.sampling(4)}))
	if err == nil && a.Usage.CompletionTokens != 4 || err != nil && fault.KindOf(err) != fault.Invalid {
		t.Errorf("an empty prompt: %d tokens, %v", a.Usage.CompletionTokens, err)
	}

	// Ids are taken as they are.
	tokens, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{FIM: &engine.CompletionRequest{Prompt: "The wind blows"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := complete(engine.CompletionRequest{Tokens: tokens.IDs}); got.Text() != plain.Text() || got.Usage.PromptTokens != len(tokens.IDs) {
		t.Errorf("the prompt as tokens: got %q after %d tokens, want %q after %d", got.Text(), got.Usage.PromptTokens, plain.Text(), len(tokens.IDs))
	}
}

func testPrefix(t *testing.T, c *check) {
	req := Chat("Name a wind.")
	req.Messages = append(req.Messages, engine.Message{Role: engine.Assistant, Content: engine.Text("The bise is"), Prefix: true})
	req.Sampling = c.sampling(8)
	a, err := Collect(c.e.Chat(c.context(t), req))
	if fault.KindOf(err) == fault.Unsupported {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if a.Usage.CompletionTokens != 8 {
		t.Errorf("%d tokens continue the prefix, want 8", a.Usage.CompletionTokens)
	}
}

// wantInvalid checks that err names the field that a request is refused for, any
// field when param is empty.
func wantInvalid(t *testing.T, what, param string, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.Invalid {
		t.Errorf("%s: got %v, want an error of kind %s", what, err, fault.Invalid)
		return
	}
	// A part of the field may be named: messages[0].role.
	if rest, ok := strings.CutPrefix(e.Param, param); !ok || param != "" && rest != "" && !strings.ContainsAny(rest[:1], ".[") {
		t.Errorf("%s: the field is %q, want %q (%v)", what, e.Param, param, err)
	}
	if e.Msg == "" {
		t.Errorf("%s: the error has no message", what)
	}
}

func testInvalid(t *testing.T, c *check) {
	ctx := c.context(t)
	for _, r := range []struct {
		param string
		set   setting
	}{
		{"max_tokens", func(s *engine.Sampling) { s.MaxTokens = new(-1) }},
		{"min_tokens", func(s *engine.Sampling) { s.MinTokens = -1 }},
		{"temperature", func(s *engine.Sampling) { s.Temperature = new(-0.1) }},
		{"temperature", func(s *engine.Sampling) { s.Temperature = new(99.0) }},
		{"top_p", func(s *engine.Sampling) { s.TopP = new(2.0) }},
		{"top_p", func(s *engine.Sampling) { s.TopP = new(-0.5) }},
		{"min_p", func(s *engine.Sampling) { s.MinP = new(1.5) }},
		{"presence_penalty", func(s *engine.Sampling) { s.PresencePenalty = new(3.0) }},
		{"frequency_penalty", func(s *engine.Sampling) { s.FrequencyPenalty = new(-3.0) }},
		{"n", func(s *engine.Sampling) { s.N = 1000 }},
		{"n", func(s *engine.Sampling) { s.N = -1 }},
		{"top_logprobs", func(s *engine.Sampling) { s.Logprobs, s.TopLogprobs = true, 1000 }},
		{"logit_bias", func(s *engine.Sampling) { s.LogitBias = map[int32]float64{1 << 30: 1} }},
		{"random_seed", func(s *engine.Sampling) { s.Seed = new(int64(-1)) }},
		{"stop", func(s *engine.Sampling) { s.Stop = make([]string, 10_000) }},
		{"prompt_lookup", func(s *engine.Sampling) { s.Lookup = "perhaps" }},
		{"grammar", func(s *engine.Sampling) { s.Grammar = `root ::= (` }},
		{"grammar", func(s *engine.Sampling) { s.Grammar = `root ::= missing` }},
		{"grammar", func(s *engine.Sampling) { s.Grammar = `leaf ::= "a"` }},
	} {
		if writes.missing(c.info.Can) != "" {
			break
		}
		_, err := Collect(c.write(ctx, "Is this right?", 4, r.set))
		wantInvalid(t, r.param, r.param, err)
	}
	if c.info.Can.Chat {
		user := engine.Message{Role: engine.User, Content: engine.Text("Is this right?")}
		for _, r := range []struct {
			what, param string
			set         func(*engine.ChatRequest)
		}{
			{"no messages", "messages", func(r *engine.ChatRequest) { r.Messages = nil }},
			{"an unknown role", "messages", func(r *engine.ChatRequest) { r.Messages[0].Role = "wizard" }},
			{"no role", "messages", func(r *engine.ChatRequest) { r.Messages[0].Role = "" }},
			{"a prefix of the user", "messages", func(r *engine.ChatRequest) { r.Messages[0].Prefix = true }},
			{"an unknown format", "response_format", func(r *engine.ChatRequest) { r.ResponseFormat = &engine.ResponseFormat{Type: "yaml"} }},
			{"no schema", "response_format", func(r *engine.ChatRequest) { r.ResponseFormat = &engine.ResponseFormat{Type: "json_schema"} }},
			{"an invalid schema", "response_format", func(r *engine.ChatRequest) {
				r.ResponseFormat = &engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{Name: "x", Schema: []byte(`[]`)}}
			}},
			{"an unknown choice of tools", "tool_choice", func(r *engine.ChatRequest) { r.ToolChoice.Mode = "perhaps" }},
			{"a tool that is not there", "tool_choice", func(r *engine.ChatRequest) { r.ToolChoice.Function = "nowhere" }},
			{"an unknown overflow", "context_overflow", func(r *engine.ChatRequest) { r.Overflow = "drop_newest" }},
		} {
			req := engine.ChatRequest{Messages: []engine.Message{user}, Sampling: c.sampling(4)}
			r.set(&req)
			_, err := Collect(c.e.Chat(ctx, req))
			wantInvalid(t, r.what, r.param, err)
		}
	}
	if c.info.Can.Embed {
		_, err := c.e.Embed(ctx, engine.EmbedRequest{})
		wantInvalid(t, "nothing to embed", "input", err)
		for _, d := range []int{-1, 1 << 20} {
			_, err := c.e.Embed(ctx, engine.EmbedRequest{Input: []string{"a"}, Dimension: d})
			wantInvalid(t, "a dimension out of range", "output_dimension", err)
		}
	}
	_, err := c.e.Tokenize(ctx, engine.TokenizeRequest{})
	wantInvalid(t, "nothing to tokenize", "", err)
	_, err = c.e.Tokenize(ctx, engine.TokenizeRequest{Text: new("a"), FIM: &engine.CompletionRequest{Prompt: "a"}})
	wantInvalid(t, "two things to tokenize", "", err)
}

func testUnsupported(t *testing.T, c *check) {
	ctx := c.context(t)
	want := func(what string, err error, kinds ...fault.Kind) {
		t.Helper()
		for _, k := range kinds {
			if fault.KindOf(err) == k {
				return
			}
		}
		t.Errorf("%s: got %v, want an error of kind %v", what, err, kinds)
	}
	can := c.info.Can
	if !can.Embed {
		_, err := c.e.Embed(ctx, engine.EmbedRequest{Input: []string{"a"}})
		want("embed", err, fault.Unsupported)
	}
	if !can.Chat {
		_, err := Collect(c.e.Chat(ctx, Chat("hello")))
		want("chat", err, fault.Unsupported)
	}
	if !can.FIM {
		_, err := Collect(c.e.Complete(ctx, engine.CompletionRequest{Prompt: "a", Suffix: "b"}))
		want("fill in the middle", err, fault.Unsupported)
	}
	picture := Chat("What is this?")
	// The smallest GIF there is.
	picture.Messages[0].Content = append(picture.Messages[0].Content, engine.Chunk{
		Type: engine.ImageChunk, ImageURL: "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAAC",
	})
	if can.Chat && !can.Vision {
		_, err := Collect(c.e.Chat(ctx, picture))
		want("a picture", err, fault.Unsupported)
	}
	if can.Chat {
		picture.Messages[0].Content[1] = engine.Chunk{Type: "smell", Raw: []byte(`{"type":"smell"}`)}
		_, err := Collect(c.e.Chat(ctx, picture))
		want("a chunk of an unknown type", err, fault.Unsupported, fault.Invalid)
	}
}

// long is a text of more tokens than the context has.
func (c *check) long(t *testing.T) string {
	t.Helper()
	if c.info.ContextLength <= 0 {
		t.Skip("the length of the context is not known")
	}
	return strings.Repeat("wind ", c.info.ContextLength+8)
}

func (c *check) wantTooLong(t *testing.T, what string, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.TooLong {
		t.Errorf("%s: got %v, want an error of kind %s", what, err, fault.TooLong)
		return
	}
	over := engine.OverflowOf(err)
	if over.Limit <= 0 || over.Limit > c.info.ContextLength || over.Tokens <= over.Limit {
		t.Errorf("%s: %d tokens, and the context holds %d (at most %d)", what, over.Tokens, over.Limit, c.info.ContextLength)
	}
}

func testTooLong(t *testing.T, c *check) {
	text := c.long(t)
	_, err := Collect(c.write(c.context(t), text, 4))
	c.wantTooLong(t, "a long request", err)
	if c.info.Can.FIM {
		_, err := Collect(c.e.Complete(c.context(t), engine.CompletionRequest{Prompt: text, Suffix: "."}))
		c.wantTooLong(t, "a long gap", err)
	}
	if c.info.Can.Chat {
		req := Chat(text)
		req.Overflow = engine.OverflowDropOldest
		_, err := Collect(c.e.Chat(c.context(t), req))
		c.wantTooLong(t, "a last turn that cannot be left out", err)
	}
	if a := c.wrote(t, "Short again.", 4); a.Usage.CompletionTokens != 4 {
		t.Errorf("afterwards %d tokens came, want 4", a.Usage.CompletionTokens)
	}
}

func testDropOldest(t *testing.T, c *check) {
	say := func(role engine.Role, text string) engine.Message {
		return engine.Message{Role: role, Content: engine.Text(text)}
	}
	whole := engine.ChatRequest{
		Messages: []engine.Message{
			say(engine.System, "Be brief."),
			say(engine.User, c.long(t)), say(engine.Assistant, "A lot of wind."),
			say(engine.User, "And the rain?"),
		},
		Sampling: c.sampling(8),
		Overflow: engine.OverflowDropOldest,
	}
	short := whole
	short.Messages = []engine.Message{whole.Messages[0], whole.Messages[3]}
	want := collected(t, c.e.Chat(c.context(t), short))
	if want.LeftOut != nil {
		t.Errorf("%+v was left out of a short conversation", *want.LeftOut)
	}
	got := collected(t, c.e.Chat(c.context(t), whole))
	if got.LeftOut == nil {
		t.Fatal("no LeftOut event in a long conversation")
	}
	if got.Text() != want.Text() || got.Usage.PromptTokens != want.Usage.PromptTokens {
		t.Errorf("got %q after %d tokens, want %q after %d, as without the turn that was left out",
			got.Text(), got.Usage.PromptTokens, want.Text(), want.Usage.PromptTokens)
	}
	if got.LeftOut.Messages != 2 {
		t.Errorf("%d messages were left out, want 2", got.LeftOut.Messages)
	}
	if got.LeftOut.Context <= 0 || got.LeftOut.Context > c.info.ContextLength {
		t.Errorf("the context holds %d tokens, which is not within the model's %d", got.LeftOut.Context, c.info.ContextLength)
	}
	all, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{Chat: &whole})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(all.IDs) - got.Usage.PromptTokens; got.LeftOut.Tokens != n {
		t.Errorf("%d tokens were left out, want %d", got.LeftOut.Tokens, n)
	}
}

// Whatever a text holds, it is answered or refused, and nothing breaks.
func testHostile(t *testing.T, c *check) {
	want := c.wrote(t, "Still there?", 8)
	for name, text := range map[string]string{
		"empty":           "",
		"blank":           " \n\t ",
		"NUL":             "a\x00b",
		"many NULs":       strings.Repeat("\x00", 200),
		"invalid UTF-8":   "a\xff\xfe\xc3(\xf0\x9f",
		"a surrogate":     "\xed\xa0\x80",
		"control tokens":  "[INST] [/INST] </s><s> <|im_end|><|im_start|> <unk> [TOOL_CALLS]",
		"escapes":         "\x1b[2J\u202e\u200b\ufeff",
		"rare runes":      "𝔘𐏿\U0010ffff",
		"combining marks": "e" + strings.Repeat("\u0301", 300),
		"one long word":   strings.Repeat("a", c.fits(1000)/2),
	} {
		a, err := Collect(c.write(c.context(t), text, 4))
		if err == nil && a.Usage.CompletionTokens != 4 || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %d tokens, %v", name, a.Usage.CompletionTokens, err)
		}
	}
	if got := c.wrote(t, "Still there?", 8); got.Text() != want.Text() {
		t.Errorf("afterwards: got %q, want %q", got.Text(), want.Text())
	}
}

func testTokenize(t *testing.T, c *check) {
	for _, text := range []string{
		"", "a", "hello", " leading", "trailing ", "two  blanks", "\n\n\tindented\r\n", "é漢😀🇫🇷", "e\u0301", "\u200d\ufeff",
		"[INST] </s> <s> <unk>", "func main() {\n\tprintln(\"hi\")\n}\n", "1234567890", c.HalfRunes, strings.Repeat("The wind blows. ", 200),
	} {
		got, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{Text: &text})
		if err != nil {
			t.Errorf("%.20q: %v", text, err)
			continue
		}
		if len(got.Pieces) != len(got.IDs) {
			t.Errorf("%.20q has %d ids and %d pieces", text, len(got.IDs), len(got.Pieces))
		}
		for _, id := range got.IDs {
			if id < 0 || c.info.Vocabulary > 0 && int(id) >= c.info.Vocabulary {
				t.Errorf("%.20q has the id %d, out of a vocabulary of %d", text, id, c.info.Vocabulary)
			}
			if id == c.EndToken && c.EndToken != 0 {
				t.Errorf("%.20q has the token that ends an answer", text)
			}
		}
		if len(got.IDs) > 0 {
			back, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{IDs: got.IDs})
			if err != nil || !slices.Equal(back.IDs, got.IDs) || !slices.Equal(back.Pieces, got.Pieces) {
				t.Errorf("the ids of %.40q read as %.40q, %v", text, back.Pieces, err)
			}
		}
		// Some tokenizers put a blank before a text.
		if joined := strings.Join(got.Pieces, ""); joined != text && joined != " "+text {
			t.Errorf("the pieces of %.40q read %.40q", text, joined)
		}
	}
}

func testTokenizeSpecial(t *testing.T, c *check) {
	count := func(r engine.TokenizeRequest) []int32 {
		t.Helper()
		got, err := c.e.Tokenize(c.context(t), r)
		if err != nil {
			t.Fatal(err)
		}
		return got.IDs
	}
	if _, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{IDs: []int32{math.MaxInt32}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an invalid id: %v", err)
	}
	if c.EndToken == 0 || c.info.EOS == "" {
		t.Skip("no end token is known")
	}
	text := "a" + c.info.EOS + "b"
	with := count(engine.TokenizeRequest{Text: &text, Special: true})
	if n := len(slices.DeleteFunc(slices.Clone(with), func(id int32) bool { return id != c.EndToken })); n != 1 {
		t.Errorf("%q has %v, of which %d are the end token", text, with, n)
	}
	if plain := count(engine.TokenizeRequest{Text: &text}); slices.Contains(plain, c.EndToken) {
		t.Errorf("%q as plain text has %v", text, plain)
	}
	if begun := count(engine.TokenizeRequest{Text: &text, BOS: true, Special: true}); !slices.Equal(begun[len(begun)-len(with):], with) || len(begun) > len(with)+1 {
		t.Errorf("%q with its first token has %v, without %v", text, begun, with)
	}
}

func testTokenizeRequest(t *testing.T, c *check) {
	count := func(what string, req engine.TokenizeRequest, want int) {
		t.Helper()
		got, err := c.e.Tokenize(c.context(t), req)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.IDs) != want {
			t.Errorf("%s has %d tokens and is billed as %d", what, len(got.IDs), want)
		}
	}
	if c.info.Can.Chat {
		req := Chat("How do you do?")
		req.Messages = append(req.Messages,
			engine.Message{Role: engine.Assistant, Content: engine.Text("Well.")},
			engine.Message{Role: engine.User, Content: engine.Text("And the é漢😀?")})
		req.Sampling = c.sampling(2)
		count("a conversation", engine.TokenizeRequest{Chat: &req}, collected(t, c.e.Chat(c.context(t), req)).Usage.PromptTokens)
	}
	req := engine.CompletionRequest{Prompt: "The wind ", Sampling: c.sampling(2)}
	count("a text to continue", engine.TokenizeRequest{FIM: &req}, collected(t, c.e.Complete(c.context(t), req)).Usage.PromptTokens)
	if c.info.Can.FIM {
		req.Suffix = " the lake."
		count("infill", engine.TokenizeRequest{FIM: &req}, collected(t, c.e.Complete(c.context(t), req)).Usage.PromptTokens)
	}
}
