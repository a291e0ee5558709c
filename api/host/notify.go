package host

import (
	"net"
	"os"
)

// Notify sends a state, such as READY=1, to the service manager that started this process
// (systemd, with Type=notify). Without one it does nothing.
func Notify(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Write([]byte(state))
}
