using System.Runtime.InteropServices;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.LocalCluster.ApiServer;
using Chat.Cells.LocalCluster.CommandLine;
using Chat.Cells.LocalCluster.Forwarder;
using Chat.Cells.LocalCluster.PodRunner;
using Chat.Cells.LocalCluster.Up;

using var stopping = new CancellationTokenSource();

void Stop(PosixSignalContext context)
{
    context.Cancel = true; // the verb ends by itself, in order
    stopping.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

const string usage = """
    usage: Chat.Cells.LocalCluster <verb> [options]
      up         start a whole cluster on this machine and wait      (--help lists its options)
      down       stop the cluster of a data folder                   (--data DIR)
      apiserver  the API server alone                                (--data DIR --listen ADDRESS:PORT --kubeconfig FILE --service-cidr 127.x.0.0/16)
      pods       the pod runner and the controllers alone            (--kubeconfig FILE --data DIR --images FILE --pod-cidr 127.x.0.0/16)
      services   the Service forwarder alone                         (--kubeconfig FILE [--state FILE])
    """;

try
{
    string[] rest = args.Length > 1 ? args[1..] : [];
    switch (args.FirstOrDefault())
    {
        case "apiserver":
            return await ApiServerCommand.RunAsync(rest, stopping.Token);
        case "pods":
            return await PodsCommand.RunAsync(rest, stopping.Token);
        case "services":
            return await ServicesCommand.RunAsync(rest, stopping.Token);
        case "up":
            return await UpCommand.RunAsync(rest, stopping.Token);
        case "down":
            return await DownCommand.RunAsync(rest, stopping.Token);
        case "--help" or "-h" or "help":
            Console.WriteLine(usage);
            return 0;
        default:
            Console.Error.WriteLine(usage);
            return 2;
    }
}
catch (Exception e) when (e is UsageException or KubeConfigException)
{
    Console.Error.WriteLine($"{args[0]}: {e.Message}");
    return 2;
}
