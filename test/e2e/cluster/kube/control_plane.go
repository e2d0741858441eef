package main

import (
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func init() {
	components["etcd"] = func(args []string) int {
		etcdmain.Main(args)
		return 0
	}
	components["apiserver"] = command(apiserver.NewAPIServerCommand)
	components["kubectl"] = kubectl
}

// command makes a component of what Kubernetes' own main functions run.
func command(make func() *cobra.Command) component {
	return func(args []string) int {
		c := make()
		c.SetArgs(args[1:])
		return cli.Run(c)
	}
}

func kubectl([]string) int {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
		return 1
	}
	return 0
}
