using System.Net.Sockets;
using Chat.Cells.Router.Hosting;

if (args is ["--help" or "-h"])
{
    Console.WriteLine(RouterOptionsReader.Usage);
    return 0;
}
RouterOptions options;
try
{
    options = RouterOptionsReader.Read(args, Environment.GetEnvironmentVariable);
}
catch (OptionsException e)
{
    await Console.Error.WriteLineAsync($"{e.Message}\n\n{RouterOptionsReader.Usage}");
    return 2;
}
await using var router = RouterHost.Create(options);
try
{
    await router.RunAsync();
    return 0;
}
catch (Exception e) when (e is IOException or SocketException)
{
    // An address that another program has, or that isn't this machine's.
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
