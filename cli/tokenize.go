package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

type tokenize struct {
	files  []string
	chat   string
	fim    bool
	suffix string
	jsonl  bool
	load   loadFlags
}

func (a *app) tokenizeCommand() *cobra.Command {
	var v tokenize
	cmd := &cobra.Command{
		Use:   "tokenize [TEXT]…",
		Short: "Show the tokens that a model reads",
		Long: `Show the tokens that a model reads: the number of each and what it stands for.
The text is that of the arguments, of -f, or what is piped in.`,
		Example: `bise tokenize "naïve café"
bise tokenize --chat request.json
bise tokenize --fim --suffix "}" "func main() {"
bise tokenize --jsonl -m codestral <requests.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.jsonl {
				if len(args)+len(v.files) > 0 || v.chat != "" || v.fim || v.suffix != "" {
					return usageErrorf("--jsonl takes what it reads from standard input alone")
				}
				return a.tokenizeLines(cmd.Context(), v.load)
			}
			return a.tokenize(cmd.Context(), v, strings.Join(args, " "))
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&v.files, "file", "f", nil, "read the text `FILE`; may be repeated")
	f.StringVar(&v.chat, "chat", "", "lay out the chat request in `FILE`, as sent to /v1/chat/completions")
	f.BoolVar(&v.fim, "fim", false, "lay out the text as one to fill in after")
	f.StringVar(&v.suffix, "suffix", "", "with --fim, the `TEXT` after the gap")
	f.BoolVar(&v.jsonl, "jsonl", false, "answer each line of standard input, such as {\"messages\":[…]}, {\"prompt\":\"\",\"suffix\":\"\"} or {\"text\":\"\"}")
	v.load.add(cmd)
	return cmd
}

func (a *app) tokenize(ctx context.Context, v tokenize, text string) error {
	r, err := a.tokenizeRequest(ctx, v, text)
	if err != nil {
		return err
	}
	o, err := v.load.options(a.config)
	if err != nil {
		return err
	}
	e, err := a.lib.Open(ctx, a.model, o)
	if err != nil {
		return err
	}
	defer e.Close()
	tokens, err := e.Tokenize(ctx, r)
	a.progress.erase()
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, struct {
			Count int `json:"count"`
			engine.Tokens
		}{len(tokens.IDs), tokens})
	}
	t := &table{right: []int{0}}
	for i, id := range tokens.IDs {
		piece := ""
		if i < len(tokens.Pieces) {
			piece = strconv.Quote(tokens.Pieces[i])
		}
		t.add(fmt.Sprint(id), piece)
	}
	if err := a.print(t); err != nil {
		return err
	}
	a.note("%s", plural(len(tokens.IDs), "token"))
	return nil
}

func (a *app) tokenizeRequest(ctx context.Context, v tokenize, text string) (engine.TokenizeRequest, error) {
	in := a.attachments()
	if v.chat != "" {
		if text != "" || v.fim || len(v.files) > 0 {
			return engine.TokenizeRequest{}, usageErrorf("--chat takes its text from the request alone")
		}
		data, err := in.Text(ctx, v.chat)
		if err != nil {
			return engine.TokenizeRequest{}, err
		}
		var chat engine.ChatRequest
		if err := json.Unmarshal([]byte(data), &chat); err != nil {
			return engine.TokenizeRequest{}, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s is no chat request: %v", v.chat, err), Advice: `It is an object such as {"messages":[{"role":"user","content":"hello"}]}.`}
		}
		return engine.TokenizeRequest{Chat: &chat}, nil
	}
	if v.suffix != "" && !v.fim {
		return engine.TokenizeRequest{}, usageErrorf("--suffix is for --fim")
	}
	for _, path := range v.files {
		more, err := in.Text(ctx, path)
		if err != nil {
			return engine.TokenizeRequest{}, err
		}
		text += more
	}
	if text == "" {
		piped, ok, err := a.pipedText(ctx, in)
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
