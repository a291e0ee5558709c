package ollama

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
)

// explain makes the error of a response with an unexpected status. It closes the body.
func explain(resp *http.Response, name Name) error {
	code, said := complaint(resp)
	status, e := resp.StatusCode, downloader.ResponseError(resp)
	tell := func(kind fault.Kind, msg, advice string) error {
		return &fault.Error{Kind: kind, Msg: fmt.Sprintf("open %s: %s", name, msg), Advice: advice, Cause: e.Cause}
	}
	switch {
	case status == http.StatusNotFound && code == "BLOB_UNKNOWN":
		return tell(fault.Missing, "the registry lists a file that it does not have", "The upload is not whole: try another tag.")
	case status == http.StatusNotFound:
		return tell(fault.Missing, "the registry has no such model or tag", "Check the name.")
	case status == http.StatusPreconditionFailed:
		return tell(fault.Refused, "the registry says that it needs a newer version of Ollama", "What bise runs on may be too old for it: look for the model as GGUF on Hugging Face, or use a server.")
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return tell(fault.Denied, "it does not exist or is private", "Check the name; for a private model, put the key of this machine (~/.ollama/id_ed25519.pub) into your account there.")
	}
	if e.Msg = fmt.Sprintf("open %s: %s", name, e.Msg); said != "" {
		e.Msg += fmt.Sprintf(" (%.200q)", said)
	}
	return e
}

// explainSignIn makes an error of a realm that gives no token.
func explainSignIn(resp *http.Response, name Name) error {
	date, _ := http.ParseTime(resp.Header.Get("Date")) // zero is looked at below
	e := downloader.ResponseError(resp)
	e.Kind, e.Msg = fault.Denied, fmt.Sprintf("sign in to %s for %s: it answers %d", name.Host, name, resp.StatusCode)
	e.Advice = "Check the name; for a private model, put the key of this machine (~/.ollama/id_ed25519.pub) into your account there."
	const apart = 5 * time.Minute
	if wrong := time.Since(date).Abs(); !date.IsZero() && wrong > apart {
		e.Advice = fmt.Sprintf("The clock of this machine is %v off, and what is signed is good for a few minutes only: set it.", wrong.Round(time.Minute))
	}
	return e
}

// complaint is what a registry says is wrong: {"errors":[…]} of the OCI, or
// {"error":"…"}.
func complaint(resp *http.Response) (code, message string) {
	const most = 16 << 10 // bytes
	data, err := downloader.ReadBody(resp, most)
	var said struct {
		Error  string
		Errors []struct{ Code, Message string }
	}
	if err != nil || json.Unmarshal(data, &said) != nil {
		return "", ""
	}
	if len(said.Errors) > 0 {
		return said.Errors[0].Code, said.Errors[0].Message
	}
	return "", said.Error
}
