// Package downloader downloads files to disk, whole or not at all.
//
// A [Client] is how the network is reached: proxies, redirects that never carry a
// credential to another origin, retries, limits. [Client.Fetch] downloads one [File],
// over several connections into one partial file that later runs resume, and gives the
// file its name only when its bytes are what they should be.
//
// What a hub calls its files, and where it keeps them, is for the packages below
// this one: they make Files. A Client may be used from any goroutine; any number of
// processes may fetch the same file, and one of them does it for all.
package downloader
