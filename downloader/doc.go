// Package downloader downloads files to disk, whole or not at all.
//
// A [Client] handles proxies, redirects, retries and rate limits, and never sends
// credentials to another origin. [Client.Fetch] downloads one [File] over several
// connections into a partial file, which later runs resume. It renames the file to its
// final name after verifying it.
//
// The packages below this one know the hubs and make Files. A Client may be used from any
// goroutine. If several processes fetch the same file, one of them downloads it for all.
package downloader
