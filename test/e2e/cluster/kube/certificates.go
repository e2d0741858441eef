package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const day = 24 * time.Hour

func init() {
	components["certificates"] = certificates
}

// certificates writes an authority, what it has signed for the components, and a kubeconfig for each user, into a folder:
//
//	nwt-kube certificates --dir pki --server https://10.0.0.1:6443 --name 10.96.0.1 --node node1=10.0.0.1 --node node2=10.0.0.2
func certificates(args []string) int {
	flags := flag.NewFlagSet(args[0], flag.ExitOnError)
	dir := flags.String("dir", "pki", "folder to write")
	server := flags.String("server", "", "address of the API server, for the kubeconfigs")
	names, nodes := list{}, list{}
	flags.Var(&names, "name", "a name or address of the API server; repeat")
	flags.Var(&nodes, "node", "NAME=ADDRESS of a node; repeat")
	_ = flags.Parse(args[1:]) // ends the program by itself
	if err := writeFolder(*dir, *server, names, nodes); err != nil {
		fmt.Fprintln(os.Stderr, "nwt-kube certificates:", err)
		return 1
	}
	return 0
}

type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func writeFolder(dir, server string, names, nodes []string) error {
	a, err := newAuthority(dir)
	if err != nil {
		return err
	}
	own := []string{"localhost", "127.0.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	_, err = a.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, append(own, names...))
	failures := []error{err, serviceAccountKeys(dir)}
	users := map[string]pkix.Name{
		"admin":              {CommonName: "admin", Organization: []string{"system:masters"}},
		"controller-manager": {CommonName: "system:kube-controller-manager"},
		"scheduler":          {CommonName: "system:kube-scheduler"},
		"proxy":              {CommonName: "system:kube-proxy"},
	}
	for _, node := range nodes {
		name, address, _ := strings.Cut(node, "=")
		users[name] = pkix.Name{CommonName: "system:node:" + name, Organization: []string{"system:nodes"}}
		_, err := a.issue("kubelet-"+name, pkix.Name{CommonName: name}, []string{name, address})
		failures = append(failures, err)
	}
	for name, subject := range users {
		failures = append(failures, a.admit(name, subject, server))
	}
	return errors.Join(failures...)
}

type authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	pem         []byte
	serial      int64
}

func newAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := newKey(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "nwt-kube"},
		NotBefore:             time.Now().Add(-day),
		NotAfter:              time.Now().Add(30 * day),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, key: key, pem: encode("CERTIFICATE", der), serial: 1}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, os.WriteFile(filepath.Join(dir, "ca.crt"), a.pem, 0o644)
}

// issue writes FILE.crt and FILE.key and returns the certificate.
func (a *authority) issue(file string, subject pkix.Name, names []string) ([]byte, error) {
	key, err := newKey(filepath.Join(a.dir, file+".key"))
	if err != nil {
		return nil, err
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      subject,
		NotBefore:    a.certificate.NotBefore,
		NotAfter:     a.certificate.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	certificate := encode("CERTIFICATE", der)
	return certificate, os.WriteFile(filepath.Join(a.dir, file+".crt"), certificate, 0o644)
}

// admit writes a user's certificate, key and kubeconfig.
func (a *authority) admit(user string, subject pkix.Name, server string) error {
	certificate, err := a.issue(user, subject, nil)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(a.dir, user+".key"))
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
  - name: nwt
    cluster: { server: %q, certificate-authority-data: %s }
users:
  - name: %q
    user: { client-certificate-data: %s, client-key-data: %s }
contexts:
  - name: nwt
    context: { cluster: nwt, user: %q }
current-context: nwt
`, server, text(a.pem), user, text(certificate), text(key), user)
	return os.WriteFile(filepath.Join(a.dir, user+".kubeconfig"), []byte(config), 0o600)
}

// serviceAccountKeys writes the pair that signs and proves the tokens of service accounts.
func serviceAccountKeys(dir string) error {
	key, err := newKey(filepath.Join(dir, "tokens.key"))
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "tokens.pub"), encode("PUBLIC KEY", public), 0o644)
}

func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, encode("EC PRIVATE KEY", der), 0o600)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
