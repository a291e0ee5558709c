package ollama

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
)

const keyAdvice = "Check the name. For a private model, add the key of this machine (~/.ollama/id_ed25519.pub) to your account there."

// explain makes the error of a response with an unexpected status. It closes the body.
func explain(resp *http.Response, name Name) error {
	code, message := errorBody(resp)
	status, e := resp.StatusCode, downloader.ResponseError(resp)
	newError := func(kind fault.Kind, msg, advice string) error {
		return &fault.Error{Kind: kind, Msg: fmt.Sprintf("open %s: %s", name, msg), Advice: advice, Cause: e.Cause}
	}
	switch {
	case status == http.StatusNotFound && code == "BLOB_UNKNOWN":
		return newError(fault.Missing, "a file of the model is missing in the registry", "The upload is incomplete: try another tag.")
	case status == http.StatusNotFound:
		return newError(fault.Missing, "the registry has no such model or tag", "Check the name.")
	case status == http.StatusPreconditionFailed:
		return newError(fault.Refused, "the registry requires a newer version of Ollama", "bise may not support this model. Look for a GGUF on Hugging Face, or use a server.")
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return newError(fault.Denied, "it does not exist or is private", keyAdvice)
	}
	if e.Msg = fmt.Sprintf("open %s: %s", name, e.Msg); message != "" {
		e.Msg += fmt.Sprintf(" (%.200q)", message)
	}
	return e
}

// explainSignIn makes the error of a realm that issues no token.
func explainSignIn(resp *http.Response, name Name) error {
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	e := downloader.ResponseError(resp)
	e.Kind, e.Msg = fault.Denied, fmt.Sprintf("sign in to %s for %s: it answers %d", name.Host, name, resp.StatusCode)
	e.Advice = keyAdvice
	const apart = 5 * time.Minute
	if wrong := time.Since(date).Abs(); !date.IsZero() && wrong > apart {
		e.Advice = fmt.Sprintf("Set the clock of this machine: it is wrong by %v, and signatures are valid for a few minutes.", wrong.Round(time.Minute))
	}
	return e
}

// errorBody parses the error of a registry: {"errors":[…]} of the OCI, or {"error":"…"}.
func errorBody(resp *http.Response) (code, message string) {
	const most = 16 << 10 // bytes
	data, err := downloader.ReadBody(resp, most)
	var body struct {
		Error  string
		Errors []struct{ Code, Message string }
	}
	if err != nil || json.Unmarshal(data, &body) != nil {
		return "", ""
	}
	if len(body.Errors) > 0 {
		return body.Errors[0].Code, body.Errors[0].Message
	}
	return "", body.Error
}
