package batch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/batch"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// A world is a server with a folder.
type world struct {
	http.Handler
	stop func() // ends the server
}

// serve starts a server with one model, m.
func serve(t *testing.T, dir string, e engine.Engine, key string) *world {
	t.Helper()
	b, err := batch.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := api.Config{Key: key, Families: []api.Family{b.Routes}, Open: func(_ context.Context, model string, _ func(float64)) (engine.Engine, error) {
		if model != "m" {
			return nil, fault.Errorf(fault.NotFound, "there is no model %q", model)
		}
		return e, nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx, c) }()
	w := &world{b.Watch(api.New(c)), func() { cancel(); <-done }}
	t.Cleanup(w.stop)
	return w
}

// do sends a request and decodes its answer.
func do(t *testing.T, h http.Handler, method, path, body string, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s %s: got %d %s", method, path, w.Code, w.Body)
		}
	}
	return w.Code
}

func upload(t *testing.T, h http.Handler, name, purpose, text string) *httptest.ResponseRecorder {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(part, text)
	if err := errors.Join(form.WriteField("purpose", purpose), form.Close()); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/files", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type file struct {
	ID, Object, Filename, Purpose, Source string
	Bytes                                 int
	SampleType                            string `json:"sample_type"`
	Lines                                 int    `json:"num_lines"`
	Deleted                               *bool
}

func uploaded(t *testing.T, h http.Handler, text string) file {
	t.Helper()
	w := upload(t, h, "requests.jsonl", "batch", text)
	var f file
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	return f
}

type job struct {
	ID, Object, Status string
	Input              []string `json:"input_files"`
	Output             string   `json:"output_file"`
	ErrorFile          string   `json:"error_file"`
	Errors             []struct {
		Message string
		Count   int
	}
	Outputs   []output
	Total     int `json:"total_requests"`
	Completed int `json:"completed_requests"`
	Succeeded int `json:"succeeded_requests"`
	Failed    int `json:"failed_requests"`
}

type output struct {
	CustomID string `json:"custom_id"`
	Response *struct {
		Status int `json:"status_code"`
		Body   struct {
			Choices []struct{ Message struct{ Content string } }
		}
	}
	Error *string
}

// text is what the model said.
func (o output) text() string {
	if o.Response == nil || len(o.Response.Body.Choices) == 0 {
		return ""
	}
	return o.Response.Body.Choices[0].Message.Content
}

func request(id, content string) string {
	return `{"custom_id":"` + id + `","body":{"model":"m","stream":true,"messages":[{"role":"user","content":"` + content + `"}]}}`
}

// echo answers each request with its own text.
func echo() *enginetest.Script {
	return &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		return enginetest.Reply{enginetest.Text("re: " + r.Text())}
	}}
}

func ended(t *testing.T, h http.Handler, id string) job {
	t.Helper()
	synctest.Wait()
	var j job
	do(t, h, "GET", "/v1/batch/jobs/"+id+"?inline=true", "", &j)
	return j
}

func TestFiles(t *testing.T) {
	h := serve(t, t.TempDir(), echo(), "")
	text := request("a", "1") + "\n\n" + request("b", "2")
	f := uploaded(t, h, text)
	if f.Object != "file" || f.Bytes != len(text) || f.Lines != 2 || f.Filename != "requests.jsonl" || f.Purpose != "batch" || f.Source != "upload" || f.SampleType != "batch_request" {
		t.Errorf("got %+v", f)
	}
	if again := uploaded(t, h, text); again.ID != f.ID {
		t.Error("the same file twice has two IDs")
	}
	other := uploaded(t, h, request("c", "3"))
	var one file
	if do(t, h, "GET", "/v1/files/"+f.ID, "", &one); one.ID != f.ID || one.Deleted == nil {
		t.Errorf("got %+v", one)
	}
	var list struct {
		Total int
		Data  []file
	}
	for query, want := range map[string][2]int{"": {2, 2}, "?page_size=1": {2, 1}, "?page=1&page_size=1": {2, 1}, "?page=9": {2, 0}, "?purpose=ocr": {0, 0}, "?search=REQ": {2, 2}} {
		if do(t, h, "GET", "/v1/files"+query, "", &list); list.Total != want[0] || len(list.Data) != want[1] || list.Data == nil {
			t.Errorf("%s: got %+v", query, list)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/files/"+f.ID+"/content", nil))
	if w.Body.String() != text || w.Header().Get("Content-Type") != "application/octet-stream" {
		t.Errorf("got %q, %s", w.Body, w.Header())
	}
	if code := do(t, h, "DELETE", "/v1/files/"+f.ID, "", nil); code != 200 {
		t.Errorf("got %d", code)
	}
	if code := do(t, h, "GET", "/v1/files/"+f.ID, "", nil); code != 404 {
		t.Errorf("a deleted file: got %d", code)
	}
	if code := do(t, h, "GET", "/v1/files/"+other.ID+"/content", "", nil); code != 200 {
		t.Errorf("another file: got %d", code)
	}
	for _, tt := range []struct{ purpose, text, part string }{
		{"batch", "{}\n{\"a\":", "line 2: it is not a JSON object"}, {"batch", "[]", "line 1"}, {"batch", "", "no lines"}, {"fine-tune", "x", "line 1"}, {"fun", "{}", "invalid purpose"},
	} {
		if w := upload(t, h, "x.jsonl", tt.purpose, tt.text); w.Code != 422 || !strings.Contains(w.Body.String(), tt.part) {
			t.Errorf("%s %q: got %d %s", tt.purpose, tt.text, w.Code, w.Body)
		}
	}
	if code := do(t, h, "POST", "/v1/files", "x", nil); code != 422 {
		t.Errorf("no form: got %d", code)
	}
}

// A URL of a file needs no key and expires.
func TestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		open := serve(t, dir, echo(), "")
		f := uploaded(t, open, request("a", "1"))
		open.stop()
		h := serve(t, dir, echo(), "secret")
		r := httptest.NewRequest("GET", "/v1/files/"+f.ID+"/url?expiry=2", nil)
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var link struct{ URL string }
		if err := json.Unmarshal(w.Body.Bytes(), &link); err != nil || !strings.HasPrefix(link.URL, "http://example.com/v1/bise/links/") {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		path := strings.TrimPrefix(link.URL, "http://example.com")
		if code := do(t, h, "GET", path, "", nil); code != 200 {
			t.Errorf("got %d", code)
		}
		if code := do(t, h, "GET", "/v1/files/"+f.ID+"/content", "", nil); code != 401 {
			t.Errorf("without a key: got %d", code)
		}
		time.Sleep(3 * time.Hour)
		if code := do(t, h, "GET", path, "", nil); code != 404 {
			t.Errorf("expired: got %d", code)
		}
	})
}

func TestJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, t.TempDir(), echo(), "")
		f := uploaded(t, h, request("a", "1")+"\n"+`{"custom_id":"b","body":{"model":"m","messages":[]}}`+"\n"+request("c", "3")+"\n")
		var j job
		if code := do(t, h, "POST", "/v1/batch/jobs", `{"endpoint":"/v1/chat/completions","input_files":["`+f.ID+`"],"metadata":{"k":"v"}}`, &j); code != 200 || j.Status != "QUEUED" || j.Total != 3 || j.Object != "batch" {
			t.Fatalf("got %d %+v", code, j)
		}
		j = ended(t, h, j.ID)
		if j.Status != "SUCCESS" || j.Completed != 3 || j.Succeeded != 2 || j.Failed != 1 || len(j.Errors) != 1 || j.Errors[0].Count != 1 || j.Output == "" || j.ErrorFile == "" {
			t.Fatalf("got %+v", j)
		}
		if len(j.Outputs) != 3 || j.Outputs[0].CustomID != "a" || j.Outputs[0].text() != "re: 1" || j.Outputs[1].text() != "re: 3" || j.Outputs[2].CustomID != "b" || j.Outputs[2].Response.Status != 422 {
			t.Errorf("got %+v", j.Outputs)
		}
		var out file
		if do(t, h, "GET", "/v1/files/"+j.Output, "", &out); out.SampleType != "batch_result" || out.Source != "mistral" || out.Lines != 2 {
			t.Errorf("got %+v", out)
		}
		// Inline, with the model of the job.
		if code := do(t, h, "POST", "/v1/batch/jobs", `{"endpoint":"/v1/chat/completions","model":"m","requests":[{"custom_id":"x","body":{"messages":[{"role":"user","content":"9"}]}},{"body":7}]}`, &j); code != 200 {
			t.Fatalf("got %d", code)
		}
		if j = ended(t, h, j.ID); j.Status != "SUCCESS" || j.Succeeded != 1 || j.Failed != 1 || j.Outputs[0].text() != "re: 9" {
			t.Errorf("got %+v", j)
		}
		var list struct {
			Total int
			Data  []job
		}
		if do(t, h, "GET", "/v1/batch/jobs?status=SUCCESS&status=FAILED", "", &list); list.Total != 2 {
			t.Errorf("got %+v", list)
		}
		if do(t, h, "GET", "/v1/batch/jobs?status=CANCELLED", "", &list); list.Total != 0 || list.Data == nil {
			t.Errorf("got %+v", list)
		}
		if code := do(t, h, "DELETE", "/v1/batch/jobs/"+j.ID, "", nil); code != 200 {
			t.Errorf("got %d", code)
		}
		if code := do(t, h, "GET", "/v1/batch/jobs/"+j.ID, "", nil); code != 404 {
			t.Errorf("a deleted job: got %d", code)
		}
	})
}

// A job continues where the last server stopped, also after half a line of results.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var texts []string
		for i := range 12 {
			texts = append(texts, request(fmt.Sprint(i), fmt.Sprint(i)))
		}
		slow := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
			if r.Text() >= "5" && len(r.Text()) == 1 {
				return enginetest.Reply{enginetest.Wait(nil)} // until the server ends
			}
			return enginetest.Reply{enginetest.Text("first: " + r.Text())}
		}}
		h := serve(t, dir, slow, "")
		f := uploaded(t, h, strings.Join(texts, "\n"))
		var j job
		do(t, h, "POST", "/v1/batch/jobs", `{"endpoint":"/v1/chat/completions","input_files":["`+f.ID+`"]}`, &j)
		if j = ended(t, h, j.ID); j.Status != "RUNNING" || j.Completed != 5 {
			t.Fatalf("got %+v", j)
		}
		if code := do(t, h, "DELETE", "/v1/files/"+f.ID, "", nil); code != 409 {
			t.Errorf("its input can be deleted: got %d", code)
		}
		if code := do(t, h, "DELETE", "/v1/batch/jobs/"+j.ID, "", nil); code != 409 {
			t.Errorf("it can be deleted: got %d", code)
		}
		h.stop()
		results, err := os.OpenFile(filepath.Join(dir, j.ID+".results"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(results, `{"line":7,"ok":tr`)
		results.Close()

		h = serve(t, dir, echo(), "")
		if j = ended(t, h, j.ID); j.Status != "SUCCESS" || j.Completed != 12 || j.Succeeded != 12 {
			t.Fatalf("got %+v", j)
		}
		for i, o := range j.Outputs {
			want := "re: "
			if i < 5 {
				want = "first: "
			}
			if o.CustomID != fmt.Sprint(i) || o.text() != want+fmt.Sprint(i) {
				t.Errorf("result %d is %q of %s", i, o.text(), o.CustomID)
			}
		}
	})
}

// A job waits while a client is answered.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		script := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
			if r.Text() == "client" {
				return enginetest.Reply{enginetest.Wait(release), enginetest.Text("a")}
			}
			return enginetest.Reply{enginetest.Text("b")}
		}}
		h := serve(t, t.TempDir(), script, "")
		client := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions", strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"client"}]}`))
		go h.ServeHTTP(httptest.NewRecorder(), client)
		synctest.Wait()
		var j job
		do(t, h, "POST", "/v1/batch/jobs", `{"endpoint":"/v1/chat/completions","requests":[`+request("a", "1")+`]}`, &j)
		if j = ended(t, h, j.ID); j.Status != "RUNNING" || j.Completed != 0 {
			t.Errorf("while a client waits: got %+v", j)
		}
		close(release)
		if j = ended(t, h, j.ID); j.Status != "SUCCESS" {
			t.Errorf("after that: got %+v", j)
		}
	})
}

func TestCancelAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Wait(nil)}}}
		h := serve(t, t.TempDir(), stuck, "")
		start := func(more string) (j job) {
			do(t, h, "POST", "/v1/batch/jobs", `{"endpoint":"/v1/chat/completions","requests":[`+request("a", "1")+`]`+more+`}`, &j)
			return j
		}
		first, second := start(""), start("")
		synctest.Wait()
		var seen job
		for _, j := range []job{first, second} {
			want := "CANCELLATION_REQUESTED"
			if j.ID == second.ID {
				want = "CANCELLED" // it had not begun
			}
			// Which of two jobs of one second is first depends on their IDs.
			if do(t, h, "POST", "/v1/batch/jobs/"+j.ID+"/cancel", "", &seen); seen.Status != want && seen.Status != "CANCELLED" && seen.Status != "CANCELLATION_REQUESTED" {
				t.Errorf("got %+v, want %s", seen, want)
			}
			synctest.Wait()
		}
		for _, j := range []job{first, second} {
			if got := ended(t, h, j.ID); got.Status != "CANCELLED" || got.Output != "" {
				t.Errorf("got %+v", got)
			}
		}
		late := start(`,"timeout_hours":1`)
		time.Sleep(2 * time.Hour)
		if got := ended(t, h, late.ID); got.Status != "TIMEOUT_EXCEEDED" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestErrors(t *testing.T) {
	h := serve(t, t.TempDir(), echo(), "")
	ocr := upload(t, h, "a.pdf", "ocr", "%PDF")
	var f file
	if err := json.Unmarshal(ocr.Body.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"POST", "/v1/batch/jobs", `{`, 400, "not valid JSON"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/ocr","requests":[{}]}`, 422, "invalid endpoint"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings"}`, 422, "neither input_files nor requests"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings","requests":[{}],"input_files":["x"]}`, 422, "mutually exclusive"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings","requests":[7]}`, 422, "request 0 is not a JSON object"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings","agent_id":"a","requests":[{}]}`, 422, "agents"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings","timeout_hours":0,"requests":[{}]}`, 422, "timeout_hours"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings","input_files":["../x"]}`, 404, "there is no file"},
		{"POST", "/v1/batch/jobs", `{"endpoint":"/v1/embeddings","input_files":["` + f.ID + `"]}`, 422, "has the purpose ocr"},
		{"GET", "/v1/batch/jobs/x", ``, 404, "there is no batch job"},
		{"POST", "/v1/batch/jobs/x/cancel", ``, 404, "there is no batch job"},
		{"DELETE", "/v1/batch/jobs/x", ``, 404, "there is no batch job"},
		{"GET", "/v1/batch/jobs?page=-1", ``, 422, "invalid page"},
		{"GET", "/v1/files?page_size=x", ``, 422, "invalid page_size"},
		{"GET", "/v1/files/..%2Fx/content", ``, 404, "there is no file"},
		{"GET", "/v1/bise/links/x", ``, 404, "expired"},
	} {
		var e struct{ Object, Message string }
		if code := do(t, h, tt.method, tt.path, tt.body, &e); code != tt.status || e.Object != "error" || !strings.Contains(e.Message, tt.part) {
			t.Errorf("%s %s %s: got %d %+v, want %d with %q", tt.method, tt.path, tt.body, code, e, tt.status, tt.part)
		}
	}
}

// No body breaks the routes.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"endpoint":"/v1/embeddings","model":"m","requests":[{"custom_id":"a","body":{"input":"x"}}],"timeout_hours":3}`))
	b, err := batch.Open(f.TempDir(), nil)
	if err != nil {
		f.Fatal(err)
	}
	h := api.New(api.Config{Families: []api.Family{b.Routes}})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/batch/jobs", bytes.NewReader(body)))
		if w.Code != 200 && w.Code != 400 && w.Code != 404 && w.Code != 422 {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/files", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		if w = httptest.NewRecorder(); true {
			h.ServeHTTP(w, r)
		}
		if w.Code != 200 && w.Code != 400 && w.Code != 422 {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}
