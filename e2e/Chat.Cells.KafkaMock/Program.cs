using System.Runtime.InteropServices;
using System.Text.Json;
using Chat.Cells.KafkaMock;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(MockOptions.Usage);
    Console.WriteLine(FaultCommands.Help);
    return 0;
}
try
{
    var options = MockOptions.Read(args);
    using var cluster = new MockKafkaCluster(options.Brokers);
    foreach (var (name, partitions) in options.Topics) cluster.CreateTopic(name, partitions);
    var info = JsonSerializer.Serialize(new { bootstrap = cluster.BootstrapServers, brokers = cluster.Brokers, pid = Environment.ProcessId, topics = options.Topics.Count });
    Console.WriteLine(info);
    if (options.ListenInfo is { } file)
    {
        // Whole or not at all: somebody waits for it.
        await File.WriteAllTextAsync(file + ".new", info + "\n");
        File.Move(file + ".new", file, overwrite: true);
    }

    var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    var commands = new FaultCommands(cluster);
    // Reading the console blocks a thread, also when a signal comes: nobody waits for it. Its end isn't ours: a detached process has an empty standard input.
    var reading = Task.Factory.StartNew(
        () =>
        {
            while (Console.ReadLine() is { } line)
            {
                if (!string.IsNullOrWhiteSpace(line)) Console.WriteLine(commands.Run(line));
            }
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
    await Task.WhenAny(stop.Task, FaultedAsync(reading));
    return reading.IsFaulted ? 1 : 0;

    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stop.TrySetResult();
    }
}
catch (Exception e) when (e is FormatException or DllNotFoundException or InvalidOperationException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

// Ends only when reading fails.
static async Task FaultedAsync(Task reading)
{
    await reading;
    await Task.Delay(Timeout.Infinite);
}
