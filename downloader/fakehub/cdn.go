package fakehub

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An object is a file of the CDN.
type object struct {
	name    string // the path in its repository, or the digest
	content Content
}

func (h *Hub) object(at string) (object, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.objects[at]
	return o, ok
}

// sign returns a URL of an object that expires.
func (h *Hub) sign(at, name string) string {
	now := h.now()
	q := url.Values{"response-content-disposition": {disposition(name)}}
	expires := now.Add(h.ttl).Unix()
	signature := h.signature(at, strconv.FormatInt(expires, 10))
	if h.s3 {
		q.Set("X-Amz-Date", now.UTC().Format("20060102T150405Z"))
		q.Set("X-Amz-Expires", strconv.Itoa(int(h.ttl.Seconds())))
		q.Set("X-Amz-Signature", h.signature(at, q.Get("X-Amz-Date")+q.Get("X-Amz-Expires")))
	} else {
		q.Set("Expires", strconv.FormatInt(expires, 10))
		q.Set("Policy", base64.RawURLEncoding.EncodeToString([]byte(`{"Statement":[{"Resource":"`+at+`"}]}`)))
		q.Set("Signature", signature)
		q.Set("Key-Pair-Id", "KFAKE")
	}
	return h.CDNURL + at + "?" + q.Encode()
}

func (h *Hub) signature(at, until string) string {
	m := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(m, "%s|%s", at, until)
	return hex.EncodeToString(m.Sum(nil))
}

// checkSignature returns what is wrong with the signature of a request, or "".
func (h *Hub) checkSignature(r *http.Request) string {
	q, at := r.URL.Query(), r.URL.EscapedPath()
	until, given := q.Get("Expires"), q.Get("Signature")
	seconds, _ := strconv.ParseInt(until, 10, 64) // a bad number has no signature
	end := time.Unix(seconds, 0)
	if date := q.Get("X-Amz-Date"); date != "" {
		until, given = date+q.Get("X-Amz-Expires"), q.Get("X-Amz-Signature")
		began, _ := time.Parse("20060102T150405Z", date)
		seconds, _ := strconv.Atoi(q.Get("X-Amz-Expires"))
		end = began.Add(time.Duration(seconds) * time.Second)
	}
	switch {
	case !hmac.Equal([]byte(given), []byte(h.signature(at, until))):
		return "Access denied"
	case h.now().After(end):
		return "Request has expired"
	}
	return ""
}

func (h *Hub) answerCDN(w http.ResponseWriter, r *http.Request, c *call) {
	if r.Header.Get("Authorization") != "" {
		xml(w, r, http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
		return
	}
	if why := h.checkSignature(r); why != "" {
		xml(w, r, http.StatusForbidden, "AccessDenied", why)
		return
	}
	o, ok := h.object(r.URL.EscapedPath())
	if !ok {
		xml(w, r, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	w.Header().Set("Etag", `"`+sum("cdn", r.URL.EscapedPath())+`"`) // 64 digits, and not the file's hash
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", r.URL.Query().Get("response-content-disposition"))
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(o.content, 0, o.content.Size()))
}

// xml sends an error as S3 and CloudFront do.
func xml(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	write(w, r, status, fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message))
}
