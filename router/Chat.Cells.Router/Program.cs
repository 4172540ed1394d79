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
await router.RunAsync();
return 0;
