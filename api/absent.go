package api

import "net/http"

// absent are routes of La Plateforme and OpenAI that need a service or a kind of model that
// bise does not have. Clients get its name instead of a route that is not found.
var absent = []struct{ path, what, advice string }{
	{"/v1/ocr", "OCR needs Mistral's OCR service", "Send the image to a vision model with /v1/chat/completions"},
	{"/v1/moderations", "moderations need a moderation model, and bise runs none", ""},
	{"/v1/chat/moderations", "moderations need a moderation model, and bise runs none", ""},
	{"/v1/classifications", "classifications need a classifier, and bise runs none", ""},
	{"/v1/chat/classifications", "classifications need a classifier, and bise runs none", ""},
	{"/v1/audio/translations", "translations of audio are not supported", "Use /v1/audio/transcriptions, or ask for the translation in a chat"},
	{"/v1/audio/speech", "speech needs a model that speaks, and bise runs none", ""},
	{"/v1/audio/voices", "voices need a model that speaks, and bise runs none", ""},
	{"/v1/images/generations", "images need a model that draws, and bise runs none", ""},
	{"/v1/images/edits", "images need a model that draws, and bise runs none", ""},
	{"/v1/agents", "agents are stored by the hosted service", "Send the agent's instructions and tools to /v1/chat/completions"},
	{"/v1/conversations", "conversations are stored by the hosted service", "Send the whole conversation to /v1/chat/completions or /v1/responses"},
	{"/v1/libraries", "libraries are stored and searched by the hosted service", "Send the documents' text"},
	{"/v1/connectors", "connectors are run by the hosted service", "Run tools in the client"},
	{"/v1/workflows", "workflows are run by the hosted service", ""},
	{"/v1/observability", "observability is a part of the hosted service", ""},
	{"/v1/events", "events are a part of the hosted service", ""},
	{"/v1/fine_tuning", "fine-tuning needs a trainer, and bise has none", "Convert a trained model with bise convert"},
	{"/v1/files", "bise stores no files", "Send a file's text or image in the request"},
	{"/v1/batch", "bise runs no batches", "Send each request itself: they are answered together"},
	{"/v1/batches", "bise runs no batches", "Send each request itself: they are answered together"},
	{"/v1/uploads", "bise stores no files", "Send a file's text or image in the request"},
	{"/v1/vector_stores", "vector stores are kept by the hosted service", "Embed texts with /v1/embeddings"},
	{"/v1/assistants", "assistants are stored by the hosted service", "Send the whole conversation to /v1/chat/completions or /v1/responses"},
	{"/v1/threads", "threads are stored by the hosted service", "Send the whole conversation to /v1/chat/completions or /v1/responses"},
	{"/v1/realtime", "realtime sessions need a model that hears and speaks, and bise runs none", ""},
	{"/v1/videos", "videos need a model that makes them, and bise runs none", ""},
}

// absentRoutes answer all methods of what is absent, and of everything below it.
func absentRoutes() []Route {
	var routes []Route
	for _, a := range absent {
		refuse := func(http.ResponseWriter, *http.Request) error {
			return newRefusal("", "%s is not supported: %s", a.path, a.what).
				as("not_supported", "unsupported").status(http.StatusNotImplemented).advise(a.advice)
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			for _, path := range []string{a.path, a.path + "/{rest...}"} {
				routes = append(routes, Route{Method: method, Path: path, Serve: refuse, Summary: "Not supported: " + a.what})
			}
		}
	}
	return routes
}
