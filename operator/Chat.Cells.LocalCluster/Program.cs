using System.Runtime.InteropServices;
using Chat.Cells.LocalCluster.ApiServer;

using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

switch (args.FirstOrDefault())
{
    case "apiserver":
        return await ApiServerCommand.RunAsync(args[1..], stop.Token);
    default:
        await Console.Error.WriteLineAsync("usage: " + ApiServerCommand.Usage);
        return 2;
}
