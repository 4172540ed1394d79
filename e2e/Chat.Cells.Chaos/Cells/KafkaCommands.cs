using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Processes;

namespace Chat.Cells.Chaos.Cells;

/// <summary>Tells the mock Kafka what to do wrong.</summary>
public sealed class KafkaCommands(ServerProcess mock)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    public Func<CancellationToken, Task> Doing(string command) => token => DoAsync(command, token);

    /// <exception cref="HarnessException">It doesn't, and what it says.</exception>
    public async Task DoAsync(string command, CancellationToken cancellationToken)
    {
        var before = await mock.CountLinesAsync(cancellationToken);
        if (!await mock.WriteLineAsync(command, cancellationToken)) throw new HarnessException("The mock Kafka is gone.");
        var start = TimeProvider.System.GetTimestamp();
        while (await mock.CountLinesAsync(cancellationToken) == before)
        {
            if (TimeProvider.System.GetElapsedTime(start) > Bound) throw new HarnessException($"The mock Kafka does not answer '{command}'.");
            await Task.Delay(10, cancellationToken);
        }
        if (await mock.LastLineAsync(cancellationToken) is { } answer && answer != "ok") throw new HarnessException($"The mock Kafka answers '{command}' with '{answer}'.");
    }
}
