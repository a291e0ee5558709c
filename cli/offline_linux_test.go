package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bise-sh/bise/gguf/tinymodel"
)

// inNamespace is set in the process that has a network of its own.
const inNamespace = "BISE_TEST_IN_NAMESPACE"

// TestNothingLeavesTheMachine runs every command but pull, and the interface, in a network of its
// own. Its only device is the loopback, and all routes lead there, so everything that is sent to
// anywhere, a question to a name server included, is counted by that device. The count must not
// change. Sockets of the file system, which workers use, are not a network.
func TestNothingLeavesTheMachine(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		runOffline(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestNothingLeavesTheMachine$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		// The capability to set up the network, for a user who is not root in there.
		AmbientCaps: []uintptr{capNetAdmin},
	}
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Skip("this system allows no network namespace: ", err)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("this system allows no network namespace:\n%s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestNothingLeavesTheMachine") {
		t.Errorf("%v\n%s", err, out)
	}
}

func runOffline(t *testing.T) {
	if err := trapNetwork(); err != nil {
		t.Skip("no network namespace: ", err)
	}
	// The trap itself: a connection, a question to a name server.
	for name, try := range map[string]func(context.Context){
		"a connection": func(ctx context.Context) { (&net.Dialer{}).DialContext(ctx, "tcp", "192.0.2.1:443") },
		"a name": func(ctx context.Context) {
			r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "udp", "192.0.2.53:53")
			}}
			r.LookupHost(ctx, "example.org")
		},
	} {
		before := sent(t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		try(ctx)
		cancel()
		if sent(t) == before {
			t.Skipf("%s is not noticed: the trap does not work here", name)
		}
	}
	const script = "testdata/offline/offline.txtar"
	everyCommand(t, script)
	testscript.Run(t, testscript.Params{
		Files: []string{script},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"silent": func(ts *testscript.TestScript, _ bool, _ []string) {
				before := ts.Value("sent").(*int)
				if now := sent(ts); now != *before {
					*before = now
					ts.Fatalf("packets were sent")
				}
			},
			"serves": serves,
			"either": func(ts *testscript.TestScript, _ bool, args []string) { ts.Exec("bise", args...) },
			"engine": func(ts *testscript.TestScript, _ bool, args []string) {
				if err := ts.Exec("bise", args...); err != nil && hasEngine() {
					ts.Fatalf("bise %q: %v", args, err)
				}
			},
		},
		Setup: func(env *testscript.Env) error {
			for _, place := range []string{"CONFIG", "DATA", "STATE", "CACHE"} {
				env.Setenv("XDG_"+place+"_HOME", filepath.Join(env.WorkDir, strings.ToLower(place)))
			}
			run, err := os.MkdirTemp("", "bise")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(run) })
			env.Setenv("XDG_RUNTIME_DIR", run)
			env.Setenv("TERM", "xterm-256color")
			env.Setenv("GODEBUG", "netdns=go") // not through a socket of a resolver outside
			before := sent(t)
			env.Values["sent"] = &before
			if err := os.WriteFile(filepath.Join(env.WorkDir, "flag.png"), drawing(t, ".png", 8, 4), 0o600); err != nil {
				return err
			}
			prose := strings.Repeat("the wind comes down from the north in winter, and no one leaves a window open for it. ", 60)
			if err := os.WriteFile(filepath.Join(env.WorkDir, "prose"), []byte(prose), 0o600); err != nil {
				return err
			}
			var frames string
			for _, message := range []string{
				`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`,
				`{"jsonrpc":"2.0","id":2,"method":"shutdown"}`, `{"jsonrpc":"2.0","method":"exit"}`,
			} {
				frames += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(message), message)
			}
			if err := os.WriteFile(filepath.Join(env.WorkDir, "frames"), []byte(frames), 0o600); err != nil {
				return err
			}
			return tinymodel.Write(filepath.Join(env.WorkDir, "tiny.gguf"), tinymodel.Options{Width: 256, FFN: 256})
		},
	})
}

// everyCommand checks that the script has all commands but those that exist for the network.
func everyCommand(t *testing.T, script string) {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	testPlaces(t)
	for _, c := range newProgram(testConsole(), engines{}).root.Commands() {
		if c.Hidden || c.Name() == "pull" || c.Name() == "help" {
			continue
		}
		if !regexp.MustCompile(`(?m)^[! ]*(bise|serves|either|engine) ` + c.Name() + `\b`).Match(text) {
			t.Errorf("%s does not run bise %s", script, c.Name())
		}
	}
}

// serves ARGS… starts bise serve with arguments, waits until it says what it serves, and ends it.
func serves(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("bise", args...)
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "GODEBUG"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewScanner(stderr)
	ready := false
	for lines.Scan() {
		ts.Logf("%s", lines.Text())
		if strings.HasPrefix(lines.Text(), "Models: ") {
			ready = true
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
	if err := cmd.Wait(); err != nil || !ready {
		ts.Fatalf("bise %q: %v", args, err)
	}
}

// sent is the number of packets that the loopback has sent.
func sent(t interface{ Fatalf(string, ...any) }) int {
	data, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		t.Fatalf("%v", err)
	}
	for line := range strings.Lines(string(data)) {
		name, counts, ok := strings.Cut(line, ":")
		fields := strings.Fields(counts)
		if !ok || strings.TrimSpace(name) != "lo" || len(fields) < 16 {
			continue
		}
		var packets int
		if _, err := fmt.Sscan(fields[9], &packets); err == nil {
			return packets
		}
	}
	t.Fatalf("/proc/self/net/dev has no loopback")
	return 0
}

const capNetAdmin = 12

// trapNetwork starts the loopback and lets all routes lead to it.
func trapNetwork() error {
	const (
		sioAddRoute = 0x890b
		routeUp     = 1
	)
	type interfaceRequest struct {
		name [16]byte
		data [24]byte
	}
	lo := interfaceRequest{name: [16]byte{'l', 'o'}}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	lo.data[0] = syscall.IFF_UP | syscall.IFF_LOOPBACK
	if err := control(fd, syscall.SIOCSIFFLAGS, unsafe.Pointer(&lo)); err != nil {
		return fmt.Errorf("start the loopback: %w", err)
	}
	// An address that packets to elsewhere can come from.
	alias := interfaceRequest{name: [16]byte{'l', 'o', ':', '1'}}
	*(*syscall.RawSockaddrInet4)(unsafe.Pointer(&alias.data)) = syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: [4]byte{198, 51, 100, 1}}
	if err := control(fd, syscall.SIOCSIFADDR, unsafe.Pointer(&alias)); err != nil {
		return fmt.Errorf("give the loopback an address: %w", err)
	}
	device := []byte("lo\x00")
	route := struct {
		_                    uintptr
		to, gateway, netmask syscall.RawSockaddrInet4
		flags                uint16
		_                    int16
		_                    uintptr
		_                    uintptr
		metric               int16
		device               *byte
		mtu, window          uintptr
		irtt                 uint16
	}{flags: routeUp, device: &device[0]}
	route.to.Family, route.netmask.Family = syscall.AF_INET, syscall.AF_INET
	if err := control(fd, sioAddRoute, unsafe.Pointer(&route)); err != nil {
		return fmt.Errorf("route everything to the loopback: %w", err)
	}
	// IPv6, where there is any.
	fd6, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd6)
	route6 := struct {
		to, from, gateway [16]byte
		kind              uint32
		toBits, fromBits  uint16
		metric            uint32
		info              uintptr
		flags             uint32
		device            int32
	}{metric: 1, flags: routeUp, device: 1}
	if err := control(fd6, sioAddRoute, unsafe.Pointer(&route6)); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.ENODEV) {
		return fmt.Errorf("route IPv6 to the loopback: %w", err)
	}
	return nil
}

func control(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
