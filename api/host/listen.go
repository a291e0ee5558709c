package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/bise-sh/bise/fault"
)

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// Listen opens HOST:PORT, or a Unix socket for "unix:PATH".
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, unixPrefix); ok {
		return listenUnix(ctx, path)
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, Msg: fmt.Sprintf("invalid --addr %q: %v", addr, err),
			Advice: "Write a host and a port, such as 127.0.0.1:8642, or unix:PATH.",
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, cannotListen(addr, err, "bise may be running there already; another port is --addr 127.0.0.1:0.")
	}
	return l, nil
}

func cannotListen(addr string, err error, advice string) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot listen on %s: %v", addr, err), Advice: advice, Cause: err}
}

// listenUnix makes a socket that only the user can connect to. It replaces the socket of a
// process that is gone.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	addr := unixPrefix + path
	if path == "" {
		return nil, &fault.Error{Kind: fault.Usage, Msg: "invalid --addr \"unix:\": no path", Advice: "Write unix:PATH."}
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			conn.Close()
			return nil, cannotListen(addr, errors.New("another process listens there"), "Stop it, or choose another path.")
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, cannotListen(addr, err, "Choose a path in an existing folder that is yours.")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, cannotListen(addr, err, "Choose a path in a folder that is yours.")
	}
	return l, nil
}

// IsLocal reports whether only this machine can reach a listener.
func IsLocal(l net.Listener) bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// limit bounds the connections that are open at once. Further ones wait in the system's
// queue.
func limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	free   chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept waits until a connection may be opened.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: conn, free: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close also wakes up an Accept that waits.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type counted struct {
	net.Conn
	free func()
}

// Close frees the connection's place.
func (c *counted) Close() error {
	defer c.free()
	return c.Conn.Close()
}
