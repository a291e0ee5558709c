package system

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/units"
)

type tokenize struct {
	files  []string
	chat   string
	fim    bool
	suffix string
	jsonl  bool
	load   flags.Load
}

// Tokenize is the command bise tokenize.
func Tokenize(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var v tokenize
	cmd := &cobra.Command{
		Use:   "tokenize [TEXT]…",
		Short: "Show the tokens of a text",
		Long: `Show the tokens of a text: the ID of each and its text. The text is in the arguments,
in -f, or piped in.`,
		Example: `bise tokenize "naïve café"
bise tokenize --chat request.json
bise tokenize --fim --suffix "}" "func main() {"
bise tokenize --jsonl -m codestral <requests.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.jsonl {
				if len(args)+len(v.files) > 0 || v.chat != "" || v.fim || v.suffix != "" {
					return fault.Errorf(fault.Usage, "--jsonl takes what it reads from standard input alone")
				}
				return runTokenizeLines(cmd.Context(), con, lib, conf, flags.Model(cmd), v.load)
			}
			return runTokenize(cmd.Context(), con, lib, conf, flags.Model(cmd), v, strings.Join(args, " "))
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&v.files, "file", "f", nil, "read the text `FILE`; can be repeated")
	f.StringVar(&v.chat, "chat", "", "tokenize the chat request in `FILE`, as sent to /v1/chat/completions")
	f.BoolVar(&v.fim, "fim", false, "tokenize the text as a fill-in-the-middle prefix")
	f.StringVar(&v.suffix, "suffix", "", "with --fim, the `TEXT` after the cursor")
	f.BoolVar(&v.jsonl, "jsonl", false, "answer each line of standard input, such as {\"messages\":[…]}, {\"prompt\":\"\",\"suffix\":\"\"} or {\"text\":\"\"}")
	v.load.Add(cmd)
	return cmd
}

func runTokenize(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, model string, v tokenize, text string) error {
	r, err := tokenizeRequest(ctx, con, v, text)
	if err != nil {
		return err
	}
	o, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	e, _, err := lib.OpenFor(ctx, "chat", model, o)
	if err != nil {
		return err
	}
	defer e.Close()
	tokens, err := e.Tokenize(ctx, r)
	con.Erase()
	if err != nil {
		return err
	}
	if con.JSON {
		return con.WriteJSON(struct {
			Count int `json:"count"`
			engine.Tokens
		}{len(tokens.IDs), tokens})
	}
	t := &console.Table{Right: []int{0}}
	for i, id := range tokens.IDs {
		piece := ""
		if i < len(tokens.Pieces) {
			piece = strconv.Quote(tokens.Pieces[i])
		}
		t.Add(fmt.Sprint(id), piece)
	}
	if err := con.Print(t); err != nil {
		return err
	}
	con.Notef("%s", units.Plural(len(tokens.IDs), "token"))
	return nil
}

func tokenizeRequest(ctx context.Context, con *console.Console, v tokenize, text string) (engine.TokenizeRequest, error) {
	in := input.New(con)
	if v.chat != "" {
		if text != "" || v.fim || len(v.files) > 0 {
			return engine.TokenizeRequest{}, fault.Errorf(fault.Usage, "--chat takes its text from the request alone")
		}
		data, err := in.Text(ctx, v.chat)
		if err != nil {
			return engine.TokenizeRequest{}, err
		}
		var chat engine.ChatRequest
		if err := json.Unmarshal([]byte(data), &chat); err != nil {
			return engine.TokenizeRequest{}, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s is not a chat request: %v", v.chat, err), Advice: `It is an object such as {"messages":[{"role":"user","content":"hello"}]}.`}
		}
		return engine.TokenizeRequest{Chat: &chat}, nil
	}
	if v.suffix != "" && !v.fim {
		return engine.TokenizeRequest{}, fault.Errorf(fault.Usage, "--suffix is for --fim")
	}
	for _, path := range v.files {
		more, err := in.Text(ctx, path)
		if err != nil {
			return engine.TokenizeRequest{}, err
		}
		text += more
	}
	if text == "" {
		piped, ok, err := input.PipedText(ctx, con, in)
		if err != nil {
			return engine.TokenizeRequest{}, err
		}
		if !ok {
			return engine.TokenizeRequest{}, &fault.Error{Kind: fault.Usage, Msg: "there is no text", Advice: `Give one: bise tokenize "naïve café", or pipe it in.`}
		}
		text = piped
	}
	if v.fim {
		return engine.TokenizeRequest{FIM: &engine.CompletionRequest{Prompt: text, Suffix: v.suffix}}, nil
	}
	return engine.TokenizeRequest{Text: &text}, nil
}
