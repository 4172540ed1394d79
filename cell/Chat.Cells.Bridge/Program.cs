using System.Net.Sockets;
using Chat.Cells.Bridge;

if (args is ["--help" or "-h"])
{
    Console.WriteLine(BridgeOptions.Usage);
    return 0;
}
BridgeOptions options;
try
{
    options = BridgeOptions.Read(args, Environment.GetEnvironmentVariable);
}
catch (OptionsException e)
{
    await Console.Error.WriteLineAsync($"{e.Message}\n\n{BridgeOptions.Usage}");
    return 2;
}
await using var bridge = BridgeHost.Create(options);
try
{
    await bridge.RunAsync();
    return 0;
}
catch (Exception e) when (e is IOException or SocketException)
{
    // An address that another program has, or that isn't this machine's.
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
