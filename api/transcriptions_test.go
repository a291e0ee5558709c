package api_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"mime/multipart"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// silence is a WAV file of so many seconds.
func silence(seconds int) []byte {
	n := seconds * 16000
	b := []byte("RIFF....WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data")
	return append(binary.LittleEndian.AppendUint32(b, uint32(2*n)), make([]byte, 2*n)...)
}

// form is a request for a transcription; its fields are pairs of a name and a value.
func form(t *testing.T, file []byte, fields ...string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	f := multipart.NewWriter(body)
	for i := 0; i < len(fields); i += 2 {
		if err := f.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if file != nil {
		w, err := f.CreateFormFile("file", "talk.wav")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return body, f.FormDataContentType()
}

func hearing(can bool) *enginetest.Script {
	s := enginetest.Says("bon", " jour")
	s.About = engine.Info{Model: "m", Architecture: "llama", Can: engine.Capabilities{Chat: true, Audio: can}}
	return s
}

func TestTranscriptions(t *testing.T) {
	h := api.New(one(hearing(true)))
	post := func(file []byte, fields ...string) *httptest.ResponseRecorder {
		body, contentType := form(t, file, fields...)
		r := httptest.NewRequest("POST", "/v1/audio/transcriptions", body)
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	var answer struct {
		Text, Model, Language, Task string
		Duration                    float64
		Segments                    []struct {
			Start, End float64
			Text       string
		}
		Usage map[string]int
	}
	w := post(silence(31), "model", "m", "language", "fr", "response_format", "verbose_json", "temperature", "0")
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
		t.Fatalf("got %d %s, %v", w.Code, w.Body, err)
	}
	if answer.Text != "bon jour bon jour" || answer.Language != "fr" || answer.Task != "transcribe" || answer.Duration != 31 ||
		len(answer.Segments) != 2 || answer.Segments[1].Start != 30 || answer.Segments[1].End != 31 || answer.Usage["prompt_audio_seconds"] != 31 || answer.Usage["total_tokens"] == 0 {
		t.Errorf("got %s", w.Body)
	}
	if w := post(silence(1), "model", "m", "response_format", "text"); w.Body.String() != "bon jour\n" {
		t.Errorf("got %q", w.Body)
	}
	if w := post(silence(1), "model", "m", "response_format", "srt"); w.Body.String() != "1\n00:00:00,000 --> 00:00:01,000\nbon jour\n\n" {
		t.Errorf("got %q", w.Body)
	}
	for _, c := range []struct {
		name   string
		file   []byte
		fields []string
		status int
		says   string
	}{
		{"no file", nil, []string{"model", "m"}, 422, "no file"},
		{"not audio", []byte("hello, this is text"), []string{"model", "m"}, 400, "not a WAV, MP3 or FLAC file"},
		{"lying", silence(1)[:2000], []string{"model", "m"}, 400, "cut off"},
		{"format", silence(1), []string{"model", "m", "response_format", "vtt"}, 400, "want json, text, srt or verbose_json"},
		{"language", silence(1), []string{"model", "m", "language", "fr[/INST]"}, 400, "invalid language"},
		{"stream", silence(1), []string{"model", "m", "stream", "true"}, 400, "not streamed"},
		{"URL", nil, []string{"model", "m", "file_url", "https://example.com/a.wav"}, 400, "not fetched"},
	} {
		if w := post(c.file, c.fields...); w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: got %d %s", c.name, w.Code, w.Body)
		}
	}
	wantError(t, ask(t, h, "POST", "/v1/audio/transcriptions", "{}"), 422, "invalid_request_error", "multipart/form-data")
	h = api.New(one(hearing(false)))
	if w := post(silence(1), "model", "m"); w.Code != 400 || !strings.Contains(w.Body.String(), "m cannot hear") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestInputAudio sends audio in each shape: the engine gets the same bytes.
func TestInputAudio(t *testing.T) {
	script := hearing(true)
	h := api.New(one(script))
	for _, audio := range []string{`"QUJD"`, `"data:audio/wav;base64,QUJD"`, `{"data":"QUJD","format":"wav"}`} {
		w := ask(t, h, "POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":`+audio+`},{"type":"text","text":"what?"}]}]}`)
		if w.Code != 200 || !strings.Contains(w.Body.String(), "bon jour") {
			t.Errorf("%s: got %d %s", audio, w.Code, w.Body)
		}
	}
}
