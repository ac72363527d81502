// Performs steps (JSON on standard input) with github.com/jlaffaye/ftp, as packaged by Debian.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

type job struct {
	Link struct {
		Host, Authority, User, Password string
		Port                            int
		Implicit                        bool
	}
	Steps []struct{ Verb, Remote, Other, Local string }
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var todo job
	if err := json.NewDecoder(os.Stdin).Decode(&todo); err != nil {
		return err
	}
	link := todo.Link
	pem, err := os.ReadFile(link.Authority)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	security := ftp.DialWithExplicitTLS(config)
	if link.Implicit {
		security = ftp.DialWithTLS(config)
	}
	host := link.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	client, err := ftp.Dial(fmt.Sprintf("%s:%d", host, link.Port), security, ftp.DialWithTimeout(15*time.Second))
	if err != nil {
		return err
	}
	if err := client.Login(link.User, link.Password); err != nil {
		return err
	}
	for _, step := range todo.Steps {
		if err := perform(client, step.Verb, step.Remote, step.Other, step.Local); err != nil {
			return fmt.Errorf("%s %s: %w", step.Verb, step.Remote, err)
		}
	}
	return client.Quit()
}

func perform(client *ftp.ServerConn, verb, remote, other, local string) error {
	switch verb {
	case "list":
		return list(client, remote, local)
	case "get":
		return get(client, remote, local, 0)
	case "resume-get":
		state, err := os.Stat(local)
		if err != nil {
			return err
		}
		return get(client, remote, local, state.Size())
	case "put":
		data, err := os.ReadFile(local)
		if err != nil {
			return err
		}
		return client.Stor(remote, bytes.NewReader(data))
	case "resume-put":
		data, err := os.ReadFile(local)
		if err != nil {
			return err
		}
		done, err := client.FileSize(remote)
		if err != nil {
			return err
		}
		return client.StorFrom(remote, bytes.NewReader(data[done:]), uint64(done))
	case "rename":
		return client.Rename(remote, other)
	case "delete":
		return client.Delete(remote)
	case "mkdir":
		return client.MakeDir(remote)
	case "rmdir":
		return client.RemoveDir(remote)
	}
	return fmt.Errorf("unknown verb")
}

func list(client *ftp.ServerConn, remote, local string) error {
	entries, err := client.List(remote)
	if err != nil {
		return err
	}
	var names strings.Builder
	for _, entry := range entries {
		if entry.Name != "." && entry.Name != ".." {
			fmt.Fprintln(&names, entry.Name)
		}
	}
	return os.WriteFile(local, []byte(names.String()), 0o666)
}

func get(client *ftp.ServerConn, remote, local string, offset int64) error {
	answer, err := client.RetrFrom(remote, uint64(offset))
	if err != nil {
		return err
	}
	data, err := io.ReadAll(answer)
	if err != nil {
		return err
	}
	if err := answer.Close(); err != nil {
		return err
	}
	file, err := os.OpenFile(local, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteAt(data, offset)
	return err
}
