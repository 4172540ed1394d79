using System.CommandLine;
using System.Net.Sockets;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Operator.Hosting;

try
{
    // The host itself stops on SIGTERM, and gives its lease back in its own time.
    return await CommandLine.Build().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is KubeConfigException or IOException or SocketException)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
