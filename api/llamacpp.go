package api

import (
	"math"
	"net/http"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// llamaRoutes are routes of llama.cpp's server, beside /infill, /tokenize and /health.
func (s *server) llamaRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/v1/health", Serve: s.health, Open: true, Summary: "Say whether the server is ready"},
		{Method: "GET", Path: "/props", Serve: s.props, Fail: llamaFail, Query: []string{"model"}, Summary: "Describe the default model (llama.cpp)"},
		{Method: "GET", Path: "/slots", Serve: s.slots, Fail: llamaFail, Query: []string{"model", "fail_on_no_slot"}, Summary: "List what is being answered (llama.cpp)"},
		{Method: "POST", Path: "/apply-template", Serve: s.applyTemplate, Fail: llamaFail, Summary: "Lay a conversation out as a prompt (llama.cpp)"},
		{Method: "POST", Path: "/completion", Serve: s.completion, Fail: llamaFail, Work: true, Streams: []string{EventStream.ContentType}, Summary: "Complete a text (llama.cpp)"},
		{Method: "POST", Path: "/completions", Serve: s.completion, Fail: llamaFail, Work: true, Streams: []string{EventStream.ContentType}, Summary: "Complete a text (llama.cpp)"},
	}
}

// llamaTypes are llama.cpp's names for statuses.
var llamaTypes = map[int]string{
	http.StatusUnauthorized:        "authentication_error",
	http.StatusForbidden:           "permission_error",
	http.StatusNotFound:            "not_found_error",
	http.StatusInternalServerError: "server_error",
	http.StatusNotImplemented:      "not_supported_error",
	http.StatusServiceUnavailable:  "unavailable_error",
	http.StatusTooManyRequests:     "unavailable_error",
}

// llamaFail writes an error in llama.cpp's shape, in which the code is the status.
func llamaFail(w http.ResponseWriter, status int, err *fault.Error) {
	if err.Kind == fault.NotFound {
		status = http.StatusNotFound
	}
	typ := llamaTypes[status]
	if typ == "" {
		typ = "invalid_request_error"
	}
	failure := map[string]any{"code": status, "message": wire.NewFailure(err, wire.ClassOf(err.Kind)).Message, "type": typ}
	if over := engine.OverflowOf(err); over.Limit > 0 {
		failure["type"], failure["n_prompt_tokens"], failure["n_ctx"] = "exceed_context_size_error", over.Tokens, over.Limit
	}
	_ = WriteJSON(w, status, map[string]any{"error": failure})
}

// props describes a model. Prompts are laid out by id, not from one text, so the template is
// not shown: /apply-template shows what it makes.
func (s *server) props(w http.ResponseWriter, r *http.Request) error {
	info, err := s.describeModel(r.Context(), r.URL.Query().Get("model"))
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, map[string]any{
		"default_generation_settings": map[string]any{"n_ctx": info.ContextLength, "params": map[string]any{}},
		"total_slots":                 max(1, s.c.Queue), "model_alias": info.Model, "model_path": info.Path, "chat_template": "",
		"modalities": map[string]bool{"vision": info.Can.Vision, "audio": info.Can.Audio}, "build_info": "bise", "is_sleeping": false,
	})
}

// slots lists a slot for each request that is here, and a free one if there is room. Which
// sequences of a model they have is the engine's business.
func (s *server) slots(w http.ResponseWriter, r *http.Request) error {
	info, err := s.describeModel(r.Context(), r.URL.Query().Get("model"))
	if err != nil {
		return err
	}
	slots, running := []any{}, s.queue.count()
	for i := range running + 1 {
		if i == running && s.c.Queue > 0 && running >= s.c.Queue {
			if r.URL.Query().Has("fail_on_no_slot") {
				return newRefusal("", "no slot is free: %d requests are here", running).status(http.StatusServiceUnavailable)
			}
			break
		}
		slots = append(slots, map[string]any{"id": i, "n_ctx": info.ContextLength, "speculative": false, "is_processing": i < running})
	}
	return WriteJSON(w, http.StatusOK, slots)
}

// applyTemplate shows the prompt that a conversation becomes. Control tokens and text look
// alike in it.
func (s *server) applyTemplate(w http.ResponseWriter, r *http.Request) error {
	var req engine.ChatRequest
	err := s.read(w, r, func(o *object) {
		req = o.chat()
		o.ignore("add_generation_prompt", "chat_template_kwargs", "stream")
	})
	if err != nil {
		return err
	}
	tokens, err := s.tokens(r.Context(), ModeOf(req.Messages), req.Model, engine.TokenizeRequest{Chat: &req})
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"prompt": strings.Join(tokens.Pieces, "")})
}

// completion continues a text. It is an infill whose prompt is taken as it is.
func (s *server) completion(w http.ResponseWriter, r *http.Request) error {
	var req infill
	var c engine.CompletionRequest
	err := s.read(w, r, func(o *object) {
		req = infill{model: o.string("model"), sampling: o.sampling(), stream: o.boolean("stream")}
		o.predictions(&req)
		v, ok := o.need("prompt")
		if !ok {
			return
		}
		prompts := v.prompts()
		switch {
		case len(prompts) == 1:
			c = prompts[0]
		case len(prompts) > 1:
			o.r.reject(newRefusal("prompt", "%d prompts: /completion answers one at a time", len(prompts)).advise("Use /v1/completions"))
		}
		if v, ok := o.get("json_schema"); ok && !v.is('{') || ok && len(v.raw) > len("{}") {
			o.r.reject(newRefusal("json_schema", "json_schema is not supported here").advise("Use response_format in /v1/chat/completions, or a grammar"))
		}
	})
	if err != nil {
		return err
	}
	eng, name, err := s.c.open(r.Context(), ChatMode, req.model, func(float64) {})
	if err != nil {
		return err
	}
	c.Sampling = req.sampling
	f := &filling{req: &req, model: name}
	if req.stream {
		return s.streamFilling(w, r.Context(), eng, c, f)
	}
	if err := f.run(r.Context(), eng, c, func(string) bool { return true }); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, f.answer())
}

// predictions reads what /infill and /completion have in common beside sampling.
func (o *object) predictions(r *infill) {
	if v, ok := o.get("n_predict"); ok {
		if n := v.integer(-2, math.MaxInt32); n >= 0 { // below: no bound
			r.sampling.MaxTokens = new(int(n))
		}
	}
	if v, ok := o.get("response_fields"); ok {
		r.fields = v.strings(maxExtra)
	}
	o.ignore("samplers", "cache_prompt", "id_slot", "t_max_prompt_ms", "n_probs", "lora", "return_tokens", "timings_per_token", "n_keep", "mirostat", "xtc_probability")
	o.hints()
}
