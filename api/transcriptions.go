package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/transcribe"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/audio"
	"github.com/bise-sh/bise/mistral/prompt"
)

// A transcription is a request to write down audio.
type transcription struct {
	model, language, format string
	file                    *audio.File
}

// transcriptions answers a form with a file, as of La Plateforme and OpenAI.
func (s *server) transcriptions(w http.ResponseWriter, r *http.Request) error {
	q, err := s.readTranscription(w, r)
	if err != nil {
		return err
	}
	eng, err := s.c.Open(r.Context(), q.model, func(float64) {})
	if err != nil {
		return err
	}
	info := eng.Info()
	if info.Architecture != "" && !info.Can.Audio {
		return newRefusal("model", "%s cannot hear", info.Model).as("invalid_request_error", "unsupported").advise("Use a model that can, such as Voxtral")
	}
	answer := transcript{Model: q.model, Segments: []transcriptSegment{}}
	if answer.Model == "" {
		answer.Model = info.Model
	}
	if q.language != "" {
		answer.Language = &q.language
	}
	answer.Usage.Seconds = int(q.file.Length().Round(time.Second).Seconds())
	var srt bytes.Buffer
	var texts []string
	o := transcribe.Options{Language: q.language, Watch: func(_, _ time.Duration, event engine.Event) {
		if done, ok := event.(engine.Done); ok {
			answer.Usage.Prompt += done.Usage.PromptTokens
			answer.Usage.Completion += done.Usage.CompletionTokens
		}
	}}
	for segment, err := range transcribe.File(r.Context(), eng, q.file, o) {
		if err != nil {
			return err
		}
		texts = append(texts, segment.Text)
		answer.Segments = append(answer.Segments, transcriptSegment{
			Type: "transcription_segment", ID: len(answer.Segments), Start: segment.From.Seconds(), End: segment.To.Seconds(), Text: segment.Text,
		})
		if err := transcribe.WriteSRT(&srt, len(texts), segment); err != nil {
			return err
		}
	}
	answer.Text = strings.Join(texts, " ")
	answer.Usage.Total = answer.Usage.Prompt + answer.Usage.Completion
	switch q.format {
	case "text":
		return writeText(w, answer.Text+"\n")
	case "srt":
		return writeText(w, srt.String())
	case "verbose_json":
		answer.Task, answer.Duration = "transcribe", q.file.Length().Seconds()
	}
	return WriteJSON(w, http.StatusOK, answer)
}

// A transcript is La Plateforme's answer; task and duration are OpenAI's.
type transcript struct {
	Model    string              `json:"model"`
	Text     string              `json:"text"`
	Language *string             `json:"language"`
	Segments []transcriptSegment `json:"segments"`
	Usage    struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
		Seconds    int `json:"prompt_audio_seconds"`
	} `json:"usage"`
	Task     string  `json:"task,omitempty"`
	Duration float64 `json:"duration,omitempty"` // seconds
}

type transcriptSegment struct {
	Type  string  `json:"type"`
	ID    int     `json:"id"`
	Start float64 `json:"start"` // seconds
	End   float64 `json:"end"`
	Text  string  `json:"text"`
}

func writeText(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, text)
	return err
}

func (s *server) readTranscription(w http.ResponseWriter, r *http.Request) (*transcription, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return nil, newRefusal("file", "the request must be a form, multipart/form-data, with a file").status(http.StatusUnprocessableEntity)
	}
	body, err := s.c.Body(w, r)
	if err != nil {
		return nil, err
	}
	q := &transcription{format: "json"}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, newRefusal("file", "read the form: %v", err)
		}
		if err := q.read(part); err != nil {
			return nil, err
		}
	}
	if q.file == nil {
		return nil, newRefusal("file", "the form has no file").status(http.StatusUnprocessableEntity)
	}
	return q, nil
}

// read reads a field of the form. Fields that change nothing here are ignored.
func (q *transcription) read(part *multipart.Part) error {
	name := part.FormName()
	if name == "file" {
		if q.file != nil {
			return newRefusal("file", "the form has more than one file").status(http.StatusUnprocessableEntity)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return newRefusal("file", "read the form: %v", err)
		}
		if q.file, err = audio.Read(data); err != nil {
			if e, ok := errors.AsType[*fault.Error](err); ok {
				named := *e
				named.Msg, named.Param = fmt.Sprintf("cannot use the file: %s", e.Msg), "file"
				return &named
			}
			return err
		}
		return nil
	}
	const longest = 4096 // bytes of a field
	data, err := io.ReadAll(io.LimitReader(part, longest))
	if err != nil {
		return newRefusal(name, "read the form: %v", err)
	}
	value := string(data)
	switch name {
	case "model":
		q.model = value
	case "language":
		q.language = value
		return prompt.CheckLanguage(value)
	case "response_format":
		if q.format = value; value != "json" && value != "text" && value != "srt" && value != "verbose_json" {
			return newRefusal(name, "invalid response_format %.40q: want json, text, srt or verbose_json", value)
		}
	case "stream":
		if value == "true" || value == "1" {
			return newRefusal(name, "transcriptions are not streamed").as("invalid_request_error", "unsupported")
		}
	case "file_url", "file_id":
		return newRefusal(name, "%s is not supported: files are not fetched", name).as("invalid_request_error", "unsupported").advise("Send the file itself")
	}
	return nil
}
