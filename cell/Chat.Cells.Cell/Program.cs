using System.Net.Sockets;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine("Serves a chat cell. Options are --name value, or CHATCELLS_NAME in the environment:");
    foreach (var (name, help) in CellOptionsReader.Names) Console.WriteLine($"  --{name,-22} {help}");
    return 0;
}
try
{
    var options = CellOptionsReader.Read(args, Environment.GetEnvironmentVariable);
    await using var host = await CellHost.StartAsync(options);
    await host.WaitForShutdownAsync(CancellationToken.None);
    return 0;
}
catch (Exception e) when (e is OptionsException or LogException or StoreException or CellStateException or IOException or SocketException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
