// Go's net/http, without TLS: "server PORT", or "client HOST PORT http1|http2". The client asks for a thousand answers at once, for an
// echo of which each piece is sent when the one before has come back, and for events of which each is sent when the one before has been
// told to be seen: nothing on the way may wait for more. The server speaks what it is spoken to.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

const (
	requests = 1000
	pieces   = 50
)

func protocols(http2 bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(!http2)
	p.SetUnencryptedHTTP2(http2)
	return p
}

func serve(port string) error {
	seen := make(chan struct{}, pieces)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.Header().Set("Trailer", "X-Bytes")
		buffer := make([]byte, 4096)
		sum := 0
		for {
			n, err := r.Body.Read(buffer)
			w.Write(buffer[:n])
			rc.Flush()
			sum += n
			if err != nil {
				break
			}
		}
		w.Header().Set("X-Bytes", fmt.Sprint(sum))
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range pieces {
			fmt.Fprintf(w, "data: %d\n\n", i)
			http.NewResponseController(w).Flush()
			select {
			case <-seen:
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/seen", func(http.ResponseWriter, *http.Request) { seen <- struct{}{} })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	both := protocols(true)
	both.SetHTTP1(true)
	server := &http.Server{Handler: mux, Protocols: both}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	return server.Serve(listener)
}

func read(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}

func many(client *http.Client, base string) error {
	var group sync.WaitGroup
	failures := make(chan error, requests)
	for i := range requests {
		group.Go(func() {
			path := fmt.Sprintf("/item/%d", i)
			if body, err := read(client, base+path); err != nil || body != path {
				failures <- fmt.Errorf("%q: %v", body, err)
			}
		})
	}
	group.Wait()
	close(failures)
	return <-failures
}

func echo(client *http.Client, base string) error {
	reader, writer := io.Pipe()
	request, _ := http.NewRequest("POST", base+"/echo", reader)
	request.ContentLength = -1
	go writer.Write([]byte("piece 0\n"))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for i := range pieces {
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("piece %d\n", i) {
			return fmt.Errorf("%q: %v", line, err)
		}
		if i+1 < pieces {
			fmt.Fprintf(writer, "piece %d\n", i+1)
		}
	}
	writer.Close()
	if _, err := io.ReadAll(lines); err != nil {
		return err
	}
	if response.Trailer.Get("X-Bytes") == "" {
		return fmt.Errorf("no trailer")
	}
	return nil
}

func events(client *http.Client, base string) error {
	response, err := client.Get(base + "/events")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for i := range pieces {
		line, err := lines.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != fmt.Sprintf("data: %d", i) {
			return fmt.Errorf("%q: %v", line, err)
		}
		lines.ReadString('\n')
		if _, err := read(client, base+"/seen"); err != nil {
			return err
		}
	}
	return nil
}

func ask(host, port string, http2 bool) error {
	client := &http.Client{Transport: &http.Transport{Protocols: protocols(http2), MaxConnsPerHost: 50}}
	base := "http://" + net.JoinHostPort(host, port)
	for _, step := range []func(*http.Client, string) error{many, echo, events} {
		if err := step(client, base); err != nil {
			return err
		}
	}
	fmt.Println("answered")
	return nil
}

func main() {
	err := fmt.Errorf("server PORT, or client HOST PORT http1|http2")
	if len(os.Args) == 3 && os.Args[1] == "server" {
		err = serve(os.Args[2])
	} else if len(os.Args) == 5 && os.Args[1] == "client" {
		err = ask(os.Args[2], os.Args[3], os.Args[4] == "http2")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
