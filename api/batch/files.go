package batch

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/api"
)

// MaxFile is the largest file that is stored, as on La Plateforme.
const MaxFile = 512 << 20

// A file is what is known of a file, as La Plateforme describes it.
type file struct {
	ID         string `json:"id"`
	Object     string `json:"object"` // "file"
	Bytes      int64  `json:"bytes"`
	CreatedAt  int64  `json:"created_at"`
	Filename   string `json:"filename"`
	Purpose    string `json:"purpose"`
	SampleType string `json:"sample_type"`
	Lines      int    `json:"num_lines"`
	MIMEType   string `json:"mimetype"`
	Source     string `json:"source"` // upload, or mistral for what the server made
	Signature  string `json:"signature"`
}

// described is a file with a field that only its own route has.
type described struct {
	*file
	Deleted bool `json:"deleted"`
}

var purposes = map[string]string{ // and the type of sample
	"fine-tune": "instruct", "batch": "batch_request", "ocr": "instruct", "audio": "instruct", "user_data": "instruct", "assistants": "instruct",
}

func (s *server) upload(w http.ResponseWriter, r *http.Request) error {
	form, err := r.MultipartReader()
	if err != nil {
		return api.Refuse(http.StatusUnprocessableEntity, "file", "read the upload: %v", err)
	}
	f := &file{Object: "file", CreatedAt: now(), Purpose: "fine-tune", Source: "upload", MIMEType: "application/octet-stream"}
	var data *os.File
	defer func() {
		if data != nil {
			data.Close()
			os.Remove(data.Name())
		}
	}()
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return api.Refuse(http.StatusBadRequest, "file", "read the upload: %v", err)
		}
		switch part.FormName() {
		case "file":
			if data != nil {
				return api.Refuse(http.StatusUnprocessableEntity, "file", "more than one file")
			}
			f.Filename = path.Base(strings.ReplaceAll(strings.ToValidUTF8(part.FileName(), "\uFFFD"), `\`, "/"))
			if data, err = os.CreateTemp(s.dir, "*"+uploadSuffix); err != nil {
				return fmt.Errorf("store a file: %w", err)
			}
			if err := receive(f, data, part); err != nil {
				return err
			}
		case "purpose":
			const longest = 64
			text, _ := io.ReadAll(io.LimitReader(part, longest))
			f.Purpose = string(text)
		}
	}
	sample, known := purposes[f.Purpose]
	switch {
	case data == nil:
		return api.Refuse(http.StatusUnprocessableEntity, "file", "the upload has no file")
	case !known:
		return api.Refuse(http.StatusUnprocessableEntity, "purpose", "invalid purpose %.40q: want batch, fine-tune, ocr or audio", f.Purpose)
	}
	f.SampleType = sample
	if f.Purpose == "batch" || f.Purpose == "fine-tune" {
		if f.Lines, err = checkLines(data); err != nil {
			return err
		}
		f.MIMEType = "application/jsonl"
	}
	kept, err := s.keep(f, data)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, kept)
}

// receive writes an upload to the disk.
func receive(f *file, data *os.File, part *multipart.Part) error {
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(data, sum), io.LimitReader(part, MaxFile+1))
	switch {
	case err != nil:
		return fmt.Errorf("store %.100q: %w", f.Filename, err)
	case n > MaxFile:
		return api.Refuse(http.StatusRequestEntityTooLarge, "file", "%.100q has more than %d bytes, the limit of this server", f.Filename, MaxFile)
	}
	f.Bytes, f.Signature = n, hex.EncodeToString(sum.Sum(nil))
	return nil
}

// checkLines counts the lines of a file of JSON objects, and names the first that is not one.
func checkLines(data io.ReadSeeker) (int, error) {
	if _, err := data.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	n := 0
	for line, err := range lines(data) {
		if err == nil && (!json.Valid(line) || line[0] != '{') {
			err = errors.New("it is not a JSON object")
		}
		if err != nil {
			return 0, api.Refuse(http.StatusUnprocessableEntity, "file", "line %d: %v", n+1, err)
		}
		n++
	}
	if n == 0 {
		return 0, api.Refuse(http.StatusUnprocessableEntity, "file", "the file has no lines")
	}
	return n, nil
}

// maxLine is the largest line of a file of requests.
const maxLine = api.DefaultBodyLimit

// lines are the lines of a file that are not empty, without their ends.
func lines(r io.Reader) func(yield func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		scan := bufio.NewScanner(r)
		scan.Buffer(nil, maxLine)
		for scan.Scan() {
			if line := bytes.TrimSpace(scan.Bytes()); len(line) > 0 && !yield(line, nil) {
				return
			}
		}
		if err := scan.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// keep gives a file an ID and its place. A file with the same name and bytes that is there
// already is returned instead.
func (b *Batch) keep(f *file, data *os.File) (*file, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, old := range b.files {
		if old.Filename == f.Filename && old.Signature == f.Signature && old.Purpose == f.Purpose && old.Source == f.Source && f.Source == "upload" {
			return old, nil
		}
	}
	f.ID = newID()
	if err := errors.Join(data.Sync(), os.Rename(data.Name(), b.path(f.ID, dataSuffix))); err != nil {
		return nil, fmt.Errorf("store %.100q: %w", f.Filename, err)
	}
	if err := b.save(f.ID, fileSuffix, f); err != nil {
		os.Remove(b.path(f.ID, dataSuffix))
		return nil, fmt.Errorf("store %.100q: %w", f.Filename, err)
	}
	b.files[f.ID] = f
	return f, nil
}

func (b *Batch) file(id string) (*file, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[id]; f != nil {
		return f, nil
	}
	return nil, api.Refuse(http.StatusNotFound, "id", "there is no file %.60q", id)
}

func (s *server) listFiles(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	all := []*file{}
	for _, f := range s.files {
		search := strings.ToLower(r.URL.Query().Get("search"))
		if asked(r, "purpose", f.Purpose) && asked(r, "sample_type", f.SampleType) && asked(r, "source", f.Source) &&
			strings.Contains(strings.ToLower(f.Filename), search) {
			all = append(all, f)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *file) int { return newestFirst(a.CreatedAt, b.CreatedAt, a.ID, b.ID) })
	some, err := page(r, all)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"object": "list", "total": len(all), "data": some})
}

func newestFirst(a, b int64, idA, idB string) int {
	if a != b {
		return int(b - a)
	}
	return strings.Compare(idA, idB)
}

func (s *server) describeFile(w http.ResponseWriter, r *http.Request) error {
	f, err := s.file(r.PathValue("id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, described{f, false})
}

func (s *server) deleteFile(w http.ResponseWriter, r *http.Request) error {
	f, err := s.file(r.PathValue("id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if !j.ended() && slices.Contains(j.InputFiles, f.ID) {
			return api.Refuse(http.StatusConflict, "id", "the file is the input of the batch job %s, which is not done", j.ID)
		}
	}
	if err := os.Remove(s.path(f.ID, fileSuffix)); err != nil {
		return fmt.Errorf("delete %.100q: %w", f.Filename, err)
	}
	os.Remove(s.path(f.ID, dataSuffix))
	delete(s.files, f.ID)
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": f.ID, "object": "file", "deleted": true})
}

func (s *server) content(w http.ResponseWriter, r *http.Request) error {
	f, err := s.file(r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.send(w, f)
}

func (b *Batch) send(w http.ResponseWriter, f *file) error {
	data, err := os.Open(b.path(f.ID, dataSuffix))
	if err != nil {
		return fmt.Errorf("read %.100q: %w", f.Filename, err)
	}
	defer data.Close()
	w.Header().Set("Content-Type", "application/octet-stream") // Mistral's client takes no other
	w.Header().Set("Content-Length", fmt.Sprint(f.Bytes))
	w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(w, data) // after an error of the connection there is no client to report to
	return nil
}

// A link lets its holder read a file for a while.
type link struct {
	id   string
	ends time.Time
}

// maxLinkHours is how long a link lasts at most.
const maxLinkHours = 7 * 24

func (s *server) link(w http.ResponseWriter, r *http.Request) error {
	f, err := s.file(r.PathValue("id"))
	if err != nil {
		return err
	}
	hours, err := count(r, "expiry", 24)
	if err != nil {
		return err
	}
	token := rand.Text()
	s.mu.Lock()
	for old, l := range s.links {
		if time.Now().After(l.ends) {
			delete(s.links, old)
		}
	}
	s.links[token] = link{f.ID, time.Now().Add(time.Duration(min(hours, maxLinkHours)) * time.Hour)}
	s.mu.Unlock()
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return api.WriteJSON(w, http.StatusOK, map[string]string{"url": scheme + r.Host + "/v1/bise/links/" + token})
}

func (s *server) follow(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	l, ok := s.links[r.PathValue("token")]
	s.mu.Unlock()
	if !ok || time.Now().After(l.ends) {
		return api.Refuse(http.StatusNotFound, "", "the URL has expired")
	}
	f, err := s.file(l.id)
	if err != nil {
		return err
	}
	return s.send(w, f)
}
