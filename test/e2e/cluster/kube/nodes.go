//go:build !apionly

package main

import (
	"context"

	"github.com/spf13/cobra"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func init() {
	components["controller-manager"] = command(manager.NewControllerManagerCommand)
	components["scheduler"] = command(func() *cobra.Command { return scheduler.NewSchedulerCommand() })
	components["kubelet"] = command(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) })
	components["proxy"] = command(proxy.NewProxyCommand)
}
