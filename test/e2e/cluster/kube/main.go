// Command nwt-kube is the Kubernetes of the end-to-end tests: every component in one program, named by the first argument.
//
//	nwt-kube certificates|etcd|apiserver|kubectl|controller-manager|scheduler|kubelet|proxy [flags]
//
// Called as "kubelet" it is the kubelet, which others know by its name.
//
// With the build tag apionly it ends with kubectl, which the tests of the API need and which compiles in half the time.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A component runs with the arguments of a program, its name first, and returns the exit status.
type component func(args []string) int

// components is filled by the files of this package, as the build tags choose them.
var components = map[string]component{}

func main() {
	if run := components[filepath.Base(os.Args[0])]; run != nil {
		os.Exit(run(os.Args))
	}
	if len(os.Args) < 2 || components[os.Args[1]] == nil {
		names := slices.Sorted(maps.Keys(components))
		fmt.Fprintf(os.Stderr, "usage: nwt-kube %s [flags]\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	// Several of them read the program's arguments for themselves.
	os.Args = os.Args[1:]
	os.Exit(components[os.Args[0]](os.Args))
}
